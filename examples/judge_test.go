package examples_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// The images of a real appliance, with real packages in them, are what other
// people's tools take for such images: else they do not boot.
func TestJudgesAcceptKhvmm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short is set, and this builds real packages")
	}
	dir := buildJudged(t)
	image, packed, uimage := filepath.Join(dir, "khvmm.ext2"), filepath.Join(dir, "khvmm.ext2.gz"), filepath.Join(dir, "khvmm.uimage")
	m, err := manifest.Parse(content(t, filepath.Join(dir, "khvmm.manifest")))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("e2fsck", func(t *testing.T) { fsckSilent(t, image) })
	t.Run("debugfs lists", func(t *testing.T) { debugfsLists(t, image, m) })
	t.Run("debugfs stats", func(t *testing.T) { debugfsStats(t, image, m) })
	t.Run("debugfs dumps", func(t *testing.T) { debugfsDumps(t, image, m) })
	t.Run("kernel", func(t *testing.T) { kernelMounts(t, image, m) })
	t.Run("gzip", func(t *testing.T) { gunzips(t, packed, image) })
	t.Run("mkimage", func(t *testing.T) { mkimageLists(t, uimage, packed) })
}

// buildJudged builds all images of khvmm in the user's cache and returns the
// directory with the links to them.
func buildJudged(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	argv := []string{"build", "--ui=plain", "--output=" + out, khvmm, khvmm + ".ext2", khvmm + ".ext2.gz", khvmm + ".uimage"}
	if text, err := exec.Command(program, argv...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, text)
	}
	return filepath.Join(out, "examples", "khvmm")
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask runs a judge and returns what it prints.
func ask(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// fsckSilent wants nothing of e2fsck but its passes and its summary.
func fsckSilent(t *testing.T, image string) {
	t.Helper()
	for line := range strings.Lines(ask(t, "e2fsck", "-fn", image)) {
		if !strings.HasPrefix(line, "Pass ") && !strings.Contains(line, "% non-contiguous)") {
			t.Errorf("e2fsck: %s", line)
		}
	}
}

// debugfs runs commands and returns the answer to each.
func debugfs(t *testing.T, image string, commands []string) []string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := ask(t, "debugfs", "-f", script, image)
	answers := make([]string, len(commands))
	for i, command := range commands {
		_, after, ok := strings.Cut(text, "debugfs: "+command+"\n")
		if !ok {
			t.Fatalf("debugfs did not run %q:\n%s", command, text)
		}
		text = after
		answers[i], _, _ = strings.Cut(text, "debugfs: ")
	}
	return answers
}

// quoted is the path of an entry as an argument for debugfs.
func quoted(e manifest.Entry) string { return `"/` + strings.ReplaceAll(e.Path, `"`, `""`) + `"` }

// typeBits are the bits of a mode that tell what an inode is.
var typeBits = map[manifest.Type]uint32{
	manifest.File: syscall.S_IFREG, manifest.Directory: syscall.S_IFDIR, manifest.Symlink: syscall.S_IFLNK,
	manifest.Char: syscall.S_IFCHR, manifest.Block: syscall.S_IFBLK, manifest.FIFO: syscall.S_IFIFO, manifest.Socket: syscall.S_IFSOCK,
}

// inode is the entry that has the content of a path: hard links share one.
func inode(t *testing.T, m *manifest.Manifest, e manifest.Entry) manifest.Entry {
	t.Helper()
	if e.Type != manifest.Link {
		return e
	}
	file, ok := m.Lookup(e.Target)
	if !ok {
		t.Fatalf("/%s: hard link to /%s, which is not there", e.Path, e.Target)
	}
	return file
}

// debugfsLists compares all names, in all directories, with types, modes and
// owners. Each directory has itself and its parent in it.
func debugfsLists(t *testing.T, image string, m *manifest.Manifest) {
	want, got := map[string]string{}, map[string]string{}
	var dirs []string
	var commands []string
	for _, listed := range m.Entries() {
		e := inode(t, m, listed)
		want["/"+listed.Path] = fmt.Sprintf("%06o %d %d", typeBits[e.Type]|e.Mode, e.UID, e.GID)
		if e.Type == manifest.Directory {
			dirs = append(dirs, "/"+listed.Path)
			commands = append(commands, "ls -p "+quoted(e))
		}
	}
	want["/lost+found"] = "040700 0 0"
	for i, answer := range debugfs(t, image, commands) {
		for line := range strings.Lines(answer) {
			// /INODE/MODE/UID/GID/NAME/SIZE/
			if column := strings.Split(strings.TrimSpace(line), "/"); len(column) == 8 && column[5] != ".." {
				got[path.Join(dirs[i], column[5])] = strings.Join(column[2:5], " ")
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-manifest +image)\n%s", diff)
	}
}

// debugfsStats compares what a listing does not show: sizes of files, numbers of
// devices, texts of links.
func debugfsStats(t *testing.T, image string, m *manifest.Manifest) {
	entries := m.Entries()
	var commands []string
	for _, e := range entries {
		commands = append(commands, "stat "+quoted(e))
	}
	checked := map[manifest.Type]int{}
	for i, answer := range debugfs(t, image, commands) {
		e := inode(t, m, entries[i])
		checked[e.Type]++
		if want := statFact(e); !strings.Contains(answer, want) {
			t.Errorf("/%s: no %q in\n%s", entries[i].Path, want, answer)
		}
	}
	for _, kind := range []manifest.Type{manifest.File, manifest.Directory, manifest.Symlink, manifest.Char} {
		if checked[kind] == 0 {
			t.Errorf("no inode of type %c: khvmm has lost its point", kind)
		}
	}
}

// statFact is a part of what stat must say.
func statFact(e manifest.Entry) string {
	switch {
	case e.Type == manifest.Symlink && len(e.Target) < 60:
		return fmt.Sprintf("Fast link dest: %q\n", e.Target)
	case e.Type == manifest.Symlink:
		return fmt.Sprintf("Size: %d\n", len(e.Target))
	case e.Type.IsDevice() && e.Major < 256 && e.Minor < 256:
		return fmt.Sprintf("Device major/minor number: %02d:%02d (", e.Major, e.Minor)
	case e.Type.IsDevice():
		return fmt.Sprintf("(New-style) Device major/minor number: %02d:%02d (", e.Major, e.Minor)
	case e.Type == manifest.File:
		return fmt.Sprintf("Size: %d\n", e.Size())
	}
	return "Inode: "
}

// debugfsDumps compares the bytes of all files.
func debugfsDumps(t *testing.T, image string, m *manifest.Manifest) {
	dir := t.TempDir()
	var files []manifest.Entry
	var commands []string
	for _, e := range m.Entries() {
		if e.Type == manifest.File {
			commands = append(commands, fmt.Sprintf("dump %s %s/%d", quoted(e), dir, len(files)))
			files = append(files, e)
		}
	}
	debugfs(t, image, commands)
	for i, e := range files {
		if got := digest.Of(content(t, filepath.Join(dir, fmt.Sprint(i)))); got != e.Digest {
			t.Errorf("/%s: got %s, want %s", e.Path, got, e.Digest)
		}
	}
}

// kernelMounts lets the kernel show the tree and write to it, as it does on the
// appliance.
func kernelMounts(t *testing.T, image string, m *manifest.Manifest) {
	needLoopMounts(t)
	dir, scratch := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(scratch, content(t, image), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "ext2", "-o", "loop,rw", scratch, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	mounted := true
	unmount := func() {
		if !mounted {
			return
		}
		mounted = false
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	}
	t.Cleanup(unmount)
	if diff := cmp.Diff(manifestFacts(t, m), kernelFacts(t, dir)); diff != "" {
		t.Errorf("(-manifest +kernel)\n%s", diff)
	}
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "tmp", "new"), 0o755),
		os.WriteFile(filepath.Join(dir, "tmp", "new", "file"), bytes.Repeat([]byte("data\n"), 20000), 0o644),
		os.Remove(filepath.Join(dir, "etc", "motd")),
		os.WriteFile(filepath.Join(dir, "etc", "hostname"), []byte("another\n"), 0o644),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	unmount()
	fsckSilent(t, scratch)
}

func needLoopMounts(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "ext2") {
		t.Skip("this kernel has no ext2")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("this machine has no loop devices")
	}
	if _, err := exec.LookPath("mount"); err != nil {
		t.Skip("this machine has no mount")
	}
}

// manifestFacts are mode, owner, device, size and target of each path.
func manifestFacts(t *testing.T, m *manifest.Manifest) map[string]string {
	t.Helper()
	facts := map[string]string{"lost+found": fact(syscall.S_IFDIR|0o700, 0, 0, 0, 0, "")}
	for _, listed := range m.Entries() {
		e := inode(t, m, listed)
		device := uint64(0)
		if e.Type.IsDevice() {
			device = makeDevice(e.Major, e.Minor)
		}
		facts[listed.Path] = fact(typeBits[e.Type]|e.Mode, e.UID, e.GID, device, e.Size(), e.Target)
	}
	return facts
}

// makeDevice is glibc's makedev(3).
func makeDevice(major, minor uint32) uint64 {
	return uint64(major&0xfff)<<8 | uint64(minor&0xff) | uint64(minor&^0xff)<<12
}

func kernelFacts(t *testing.T, root string) map[string]string {
	t.Helper()
	facts := map[string]string{}
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(name, &st); err != nil {
			return err
		}
		size, target := int64(0), ""
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			size = st.Size
		case syscall.S_IFLNK:
			if target, err = os.Readlink(name); err != nil {
				return err
			}
		}
		facts[strings.TrimPrefix(strings.TrimPrefix(name, root), "/")] = fact(st.Mode, st.Uid, st.Gid, st.Rdev, size, target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func fact(mode, uid, gid uint32, device uint64, size int64, target string) string {
	return fmt.Sprintf("%06o %d:%d device %#x size %d %q", mode, uid, gid, device, size, target)
}

// gunzips wants gzip and pigz to give the bytes of the image.
func gunzips(t *testing.T, packed, image string) {
	want := digest.Of(content(t, image))
	for _, name := range []string{"gzip", "pigz"} {
		if got := digest.Of([]byte(ask(t, name, "-d", "-c", packed))); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// uimageHeader is the size of U-Boot's legacy header (include/image.h).
const uimageHeader = 64

// mkimageLists wants mkimage to see what U-Boot has to see, and the payload to be
// the compressed image.
func mkimageLists(t *testing.T, uimage, packed string) {
	want := content(t, packed)
	got := map[string]string{}
	for line := range strings.Lines(ask(t, "mkimage", "-l", uimage)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			got[name] = strings.TrimSpace(value)
		}
	}
	for name, value := range map[string]string{
		"Image Type": "PowerPC Linux RAMDisk Image (gzip compressed)",
		"Data Size":  fmt.Sprintf("%d Bytes", len(want)),
	} {
		if !strings.HasPrefix(got[name], value) {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
	if payload := content(t, uimage)[uimageHeader:]; !bytes.Equal(payload, want) {
		t.Errorf("the payload of %d bytes is not the compressed image of %d bytes", len(payload), len(want))
	}
}
