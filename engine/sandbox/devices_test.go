package sandbox_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A device that this host has and that the caller may use is there and works; any
// other is not there, and the command starts all the same.
func TestDevices(t *testing.T) {
	f := newFixture(t)
	f.spec.Devices = []string{"/dev/fuse", "/dev/kvm", "/dev/mem", "/dev/net/tun", "/dev/no/such"}
	for _, device := range f.spec.Devices {
		want := ""
		host, err := os.OpenFile(device, os.O_RDWR|unix.O_NONBLOCK, 0)
		if err != nil {
			want = "open " + device + ": no such file or directory\n"
		}
		host.Close()
		t.Logf("%s on this host: %v", device, err)
		f.want(want, "open", device)
	}
	// The terminals of the host are none of the sandbox's.
	f.spec.Devices = []string{"/dev/null", "/dev/ptmx", "/dev/pts/0", "/dev/shm"}
	f.want("/dev/pts/0\nlstat /dev/pts/0: no such file or directory\n", "list", "/dev/pts/0")
}

// What may not be asked for is refused before anything starts.
func TestFaultyDevices(t *testing.T) {
	for device, want := range map[string]string{
		"/etc/passwd":    `sandbox: device "/etc/passwd": want a clean path below /dev`,
		"/dev":           `sandbox: device "/dev": want a clean path below /dev`,
		"/dev/../x":      `sandbox: device "/dev/../x": want a clean path below /dev`,
		"/dev/kvm\x00/x": "sandbox: device \"/dev/kvm\\x00/x\": want a clean path below /dev",
	} {
		f := newFixture(t)
		f.spec.Devices = []string{device}
		if _, _, err := f.run("args"); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", device, err, want)
		}
	}
}

// A program that a person runs reads what is typed, to its end.
func TestStdin(t *testing.T) {
	f := newFixture(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := strings.Repeat("typed\n", 100)
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	f.spec.Stdin = r
	f.spec.ExtraFiles = []*os.File{r} // one does not take the place of the other
	f.want(text, "cat", "/dev/stdin")
}
