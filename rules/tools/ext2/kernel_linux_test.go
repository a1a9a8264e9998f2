package ext2

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// A kernel mounts the image, shows the tree of the manifest, and writes to it
// so that fsck is still silent.
func TestKernelMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(known), "ext2") {
		t.Skip("this kernel has no ext2")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("this machine has no loop devices")
	}
	if _, err := exec.LookPath("mount"); err != nil {
		t.Skip("this machine has no mount")
	}
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			o.FreeBytes, o.FreeInodes = 1<<20, 10
			c := manifesttest.Contents{}
			m := manifesttest.New(t, sample(o, c))
			image := writeImage(t, mustPlan(t, m, o), c.Open)
			mounted(t, image, func(dir string) {
				diffLines(t, manifesttest.New(t, lstatTree(t, dir)).String(), wanted(t, m).String())
				writeSome(t, dir)
			})
			fsck(t, image)
		})
	}
}

// mounted mounts an image read-write for the time that f runs.
func mounted(t *testing.T, image string, f func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "ext2", "-o", "loop,rw", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Fatalf("umount: %v\n%s", err, out)
		}
	}()
	f(dir)
}

func writeSome(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "many", "new"), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "many", "new", "file"), pattern(100000), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "bin", "indirect")); err != nil {
		t.Error(err)
	}
}

// lstatTree is what system calls tell about a mounted tree, in the form of
// readBack.
func lstatTree(t *testing.T, root string) []manifest.Entry {
	t.Helper()
	var entries []manifest.Entry
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		if target, ok := first[st.Ino]; ok {
			entries = append(entries, manifest.Entry{Path: name, Type: manifest.Link, Target: target})
			return nil
		}
		first[st.Ino] = name
		entries = append(entries, lstatEntry(t, path, name, &st))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func lstatEntry(t *testing.T, path, name string, st *syscall.Stat_t) manifest.Entry {
	t.Helper()
	e := manifest.Entry{Path: name, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Xattrs: listXattrs(t, path)}
	var err error
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		var b []byte
		b, err = os.ReadFile(path)
		e.Type, e.Digest = manifest.File, digest.Of(b)
	case syscall.S_IFLNK:
		e.Type = manifest.Symlink
		e.Target, err = os.Readlink(path)
	case syscall.S_IFCHR:
		e.Type, e.Major, e.Minor = manifest.Char, unix.Major(st.Rdev), unix.Minor(st.Rdev)
	case syscall.S_IFBLK:
		e.Type, e.Major, e.Minor = manifest.Block, unix.Major(st.Rdev), unix.Minor(st.Rdev)
	case syscall.S_IFDIR:
		e.Type = manifest.Directory
	case syscall.S_IFIFO:
		e.Type = manifest.FIFO
	case syscall.S_IFSOCK:
		e.Type = manifest.Socket
	}
	if err != nil {
		t.Error(err)
	}
	return e
}

func listXattrs(t *testing.T, path string) []manifest.Xattr {
	t.Helper()
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		t.Fatalf("list the attributes of %s: %v", path, err)
	}
	var list []manifest.Xattr
	for _, name := range slices.Sorted(strings.SplitSeq(string(names[:n]), "\x00")) {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatalf("attribute %s of %s: %v", name, path, err)
		}
		list = append(list, manifest.Xattr{Name: name, Value: value[:n]})
	}
	return list
}
