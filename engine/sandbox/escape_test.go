package sandbox_test

import (
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// A catalogue of ways out, one hostile command each, and what becomes of them.
func TestEscapes(t *testing.T) {
	f := newFixture(t)
	f.mount("/usr", sandbox.ReadOnly, f.layer("usr", "file", "x"))
	tests := []struct {
		way  string
		args []string
		want string
	}{
		{"unmount what hides the host", []string{"umount", "/"}, "operation not permitted\n"},
		{"make a mount writable", []string{"remount", "/"}, "operation not permitted\n"},
		{"make a mount writable", []string{"remount", "/usr"}, "operation not permitted\n"},
		{"become root of a nested namespace", []string{"nested"}, "fork/exec /proc/self/exe: operation not permitted\n"},
		{"change the root twice", []string{"chroot"}, "operation not permitted\n"},
		{"open the disk", []string{"mknod"}, "operation not permitted\n"},
		{"look at the root of process 1", []string{"readlink", "/proc/1/root"}, "\nreadlink /proc/1/root: permission denied\n"},
		{"look at the files of process 1", []string{"open", "/proc/1/fd/3"}, "open /proc/1/fd/3: permission denied\n"},
		{"look at the environment of process 1", []string{"cat", "/proc/1/environ"}, "open /proc/1/environ: permission denied\n"},
		{"control process 1", []string{"ptrace"}, "operation not permitted\n"},
		{"kill process 1", []string{"signal"}, ""},
		{"set the core pattern", []string{"write", "/proc/sys/kernel/core_pattern", "|/x"}, "open /proc/sys/kernel/core_pattern: read-only file system\n"},
		{"use the network", []string{"connect"}, "loopback\nnetwork is unreachable\n"},
		{"write to the caller's terminal", []string{"open", "/dev/tty"}, "open /dev/tty: no such device or address\n"},
	}
	for _, test := range tests {
		t.Run(strings.ReplaceAll(test.way, " ", "_"), func(t *testing.T) {
			f.t = t
			f.want(test.want, test.args...)
		})
	}
}

// On a host that allows sandboxes doctor has nothing to say; where it has, the fixture
// skips and prints it.
func TestCheckNamesWhatIsMissing(t *testing.T) {
	newFixture(t)
	problems := sandbox.Check(t.Context(), "/no/such/directory")
	if len(problems) == 0 || !strings.Contains(problems[0].String(), "no such file or directory") {
		t.Errorf("got %v, want one about the directory", problems)
	}
}
