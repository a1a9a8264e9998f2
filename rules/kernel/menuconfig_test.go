package kernel_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// menu runs a menu that is no more than a target of make, and returns what is said.
func menu(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	out, err := exec.Command(program, append([]string{"-C", dir, "run", "--ui=plain"}, args...)...).CombinedOutput()
	if strings.Contains(string(out), "no server could be reached") || strings.Contains(string(out), "no mirror \"debian\" is known") {
		t.Skip("no mirror can be reached")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// What is changed in a menu is written to the target's fragment: no line that
// follows from others, no comment lost. A build then has what the menu had.
func TestMenuChangesFragment(t *testing.T) {
	dir := open(t)
	fragment := filepath.Join(dir, "fragment")
	if err := os.WriteFile(fragment, []byte("# Ours.\n"+read(t, fragment)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := menu(t, dir, "//:good.menuconfig", "--", "more"); code != 0 || !strings.Contains(out, "\nsaved ") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	more := `# Ours.
CONFIG_BINFMT_ELF=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_BLK_DEV_RAM=y
CONFIG_BLK_DEV_RAM_SIZE=4096
CONFIG_EXT2_FS=y
CONFIG_RD_GZIP=y
CONFIG_NET=y
`
	if got := read(t, fragment); got != more {
		t.Fatalf("the fragment is\n%swant\n%s", got, more)
	}
	if out, ok := build(t, dir, "//:good"); !ok {
		t.Fatal(out)
	}
	if config := read(t, dir, "out/good.config"); !strings.Contains(config, "CONFIG_NET_EXTRA=y\n") {
		t.Errorf("the configuration is\n%s", config)
	}
	if out, code := menu(t, dir, "//:good.menuconfig", "--", "more"); code != 0 || !strings.Contains(out, "\nnothing has changed\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := menu(t, dir, "//:good.menuconfig", "--", "less"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	less := strings.Replace(more, "CONFIG_EXT2_FS=y\n", "", 1) + "# CONFIG_NET_EXTRA is not set\n"
	if got := read(t, fragment); got != less {
		t.Errorf("the fragment is\n%swant\n%s", got, less)
	}
}

// A target without a fragment gets one, which replaces no file.
func TestMenuMakesFragment(t *testing.T) {
	dir := open(t)
	out, code := menu(t, dir, "//:bare.menuconfig", "--", "more")
	if code != 0 || !strings.Contains(out, "to use it: fragments = [..., \"bare.fragment\"] of //:bare\n") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if got, want := read(t, dir, "bare.fragment"), "CONFIG_NET=y\n"; got != want {
		t.Errorf("the fragment is\n%swant\n%s", got, want)
	}
	out, code = menu(t, dir, "//:bare.menuconfig", "--", "more")
	if code != 2 || !strings.Contains(out, "bare.fragment exists, and this would replace it: use it, or move it away\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// A change that the target's own lines would undo is told. So is a menu that nobody
// can see.
func TestMenuTellsWhatIsLost(t *testing.T) {
	dir := open(t)
	out, code := menu(t, dir, "//:ruled.menuconfig", "--", "more")
	if code != 0 || !strings.Contains(out, "these changes are lost") || !strings.Contains(out, "    CONFIG_BLK_DEV_RAM_SIZE=4096\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if got := read(t, dir, "fragment"); !strings.Contains(got, "CONFIG_NET=y\n") || strings.Contains(got, "RAM_SIZE") {
		t.Errorf("the fragment is\n%s", got)
	}
	out, code = menu(t, dir, "//:good.menuconfig")
	if code != 1 || !strings.Contains(out, "a menu needs a terminal for its input and its output\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
