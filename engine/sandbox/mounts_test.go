package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s: got %q, %v, want %q", path, got, err, content)
	}
}

// Layers are shared by all actions: one that changes them spoils the others.
func TestModes(t *testing.T) {
	f := newFixture(t)
	low, high := f.layer("low", "file", "low"), f.layer("high", "file", "high")
	out := f.layer("out", "file", "old")
	f.mount("/ro1", sandbox.ReadOnly, low)
	f.mount("/ro2", sandbox.ReadOnly, low, high)
	f.mount("/ov1", sandbox.Overlay, low)
	f.mount("/ov2", sandbox.Overlay, high, low)
	f.mount("/out", sandbox.Writable, out)
	f.mount("/new", sandbox.Overlay)
	f.mount("/none", sandbox.ReadOnly)
	f.mount("/etc/deep/file", sandbox.ReadOnly, filepath.Join(low, "file"))

	f.want("low"+"high"+"low"+"low"+"old"+"low", "cat",
		"/ro1/file", "/ro2/file", "/ov1/file", "/ov2/file", "/out/file", "/etc/deep/file")
	for _, path := range []string{"/x", "/bin/x", "/etc/x", "/etc/deep/file", "/ro1/file", "/ro2/file", "/none/x", "/dev/x", "/proc/sys/kernel/hostname"} {
		f.want("open "+path+": read-only file system\n", "write", path, "x")
	}
	for _, path := range []string{"/ov1/file", "/ov2/file", "/ov2/new", "/new/x", "/out/file", "/tmp/x", "/dev/shm/x", "/dev/null"} {
		f.want("", "write", path, "new")
	}
	f.want("", "remove", "/ov1/file")
	wantFile(t, filepath.Join(low, "file"), "low")
	wantFile(t, filepath.Join(high, "file"), "high")
	wantFile(t, filepath.Join(out, "file"), "new")
}

// The next command must not find what the last one threw away.
func TestOverlayStartsAfresh(t *testing.T) {
	f := newFixture(t)
	f.mount("/src", sandbox.Overlay, f.layer("src", "file", "old"))
	f.want("", "write", "/src/file", "new")
	f.want("old", "cat", "/src/file")
}

// A root that can be written to is for tools that insist; the layers stay.
func TestWritableRoot(t *testing.T) {
	f := newFixture(t)
	f.spec.Mounts[0].Mode = sandbox.Overlay
	f.want("", "write", "/file", "x")
	if _, err := os.Stat(filepath.Join(f.dir, "root", "file")); !os.IsNotExist(err) {
		t.Errorf("the layer has the file: %v", err)
	}
}

// Mounts may be listed in any order, and lie in each other.
func TestNestedMounts(t *testing.T) {
	f := newFixture(t)
	f.mount("/a/b/c", sandbox.ReadOnly, f.layer("c", "file", "c"))
	f.mount("/a/b", sandbox.Overlay, f.layer("b", "file", "b"))
	f.mount("/a", sandbox.ReadOnly, f.layer("a", "file", "a"))
	f.mount("/a-", sandbox.ReadOnly, f.layer("a-", "file", "-"))
	f.mount("/tmp/d", sandbox.ReadOnly, f.layer("d", "file", "d"))
	f.want("abc-d", "cat", "/a/file", "/a/b/file", "/a/b/c/file", "/a-/file", "/tmp/d/file")
	f.want("open /a/x: read-only file system\n", "write", "/a/x", "x")
}

// A link in a layer must lead to a place in the sandbox, not on the host.
func TestMountPointsFollowLinksInside(t *testing.T) {
	f := newFixture(t)
	root := f.makeDir("root")
	f.makeDir("root/usr/lib")
	if err := os.Symlink("/usr/lib", filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../../../../"+f.dir, filepath.Join(root, "up")); err != nil {
		t.Fatal(err)
	}
	f.mount("/lib/gcc", sandbox.ReadOnly, f.layer("gcc", "file", "gcc"))
	f.want("gcc", "cat", "/usr/lib/gcc/file")
	f.mount("/up/x", sandbox.ReadOnly)
	if _, _, err := f.run("args"); err == nil {
		t.Error("a mount point was made on the host")
	}
}

// Mount points must not put the time of the run into the directories around them.
func TestMountPointsLeaveTimesAlone(t *testing.T) {
	f := newFixture(t)
	old := unix.Timespec{Sec: 400_000_000}
	for _, dir := range []string{"root/bin", "root"} {
		path := filepath.Join(f.dir, dir)
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{old, old}, 0); err != nil {
			t.Fatal(err)
		}
	}
	f.mount("/bin/sub", sandbox.Overlay, f.layer("sub", "file", ""))
	f.mount("/x/y", sandbox.Overlay, f.layer("y", "file", ""))
	f.want("/ 40755 0:0 400000000\n/bin 40755 0:0 400000000\n/x 40755 0:0 400000000\n", "stat", "/", "/bin", "/x")
}

// A package with hundreds of dependencies has as many layers, with names of any kind;
// the kernel's option string is one page long.
func TestManyLayersWithOddNames(t *testing.T) {
	f := newFixture(t)
	var layers []string
	for i := range 1100 {
		name := fmt.Sprintf(`layer,%04d:\, "=%s`, i, strings.Repeat("n", 200))
		layers = append(layers, f.layer(name, fmt.Sprint("file", i%1000), fmt.Sprint(i)))
	}
	f.mount("/ro", sandbox.ReadOnly, layers...)
	f.mount("/ov", sandbox.Overlay, layers...)
	for _, at := range []string{"/ro", "/ov"} {
		f.want("1000"+"1099"+"100"+"999", "cat", at+"/file0", at+"/file99", at+"/file100", at+"/file999")
	}
}

// The same layer twice, which overlayfs refuses, is as good as its later place.
func TestLayerTwice(t *testing.T) {
	f := newFixture(t)
	a, b := f.layer("a", "file", "a"), f.layer("b", "file", "b")
	f.mount("/x", sandbox.ReadOnly, a, b, a)
	f.mount("/y", sandbox.ReadOnly, a, a)
	f.want("aa", "cat", "/x/file", "/y/file")
}

// Where a path of the host shows, it ends in an output sooner or later.
func TestHostPathsDoNotShow(t *testing.T) {
	f := newFixture(t)
	f.mount("/src", sandbox.Overlay, f.layer("a", "file", ""), f.layer("b", "file", ""))
	out, _, err := f.run("cat", "/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		// The fourth field names a directory below the root of its file system, which is
		// how binds show; of an overlay nothing may.
		if strings.Contains(line, "- overlay") && strings.Contains(line, f.dir) {
			t.Errorf("mountinfo shows %s", line)
		}
	}
}

// Directories that nobody may enter are no reason to leave rubbish in the cache.
func TestRemoveScratch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scratch")
	for _, path := range []string{"work/work/incompat", "a/b/c"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{"work/work": 0, "a/b": 0o500, "a": 0o100} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := sandbox.RemoveScratch(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}
