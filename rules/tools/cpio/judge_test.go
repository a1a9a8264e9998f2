package cpio

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// gnu runs GNU cpio in a directory, as judge.Run does.
func gnu(t testing.TB, dir string, stdin []byte, args ...string) []byte {
	t.Helper()
	return judge.Run(t, dir, stdin, append([]string{"cpio", "--quiet"}, args...)...)
}

// GNU cpio's own view of each member: kind, mode, links, owner, size, device,
// time, name, target.
func TestGNUListsTheManifest(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, sample(c))
	listed := gnu(t, t.TempDir(), archiveOf(t, mustPlan(t, m, Options{}), c.Open), "-itv", "--numeric-uid-gid")
	var got []string
	for line := range strings.Lines(string(listed)) {
		got = append(got, line[:10]+" "+strings.Join(strings.Fields(line[10:]), " "))
	}
	want := listing(m)
	if len(got) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(got), len(want), listed)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// listing is m in the manner of ls -ln, with single spaces.
func listing(m *manifest.Manifest) []string {
	var lines []string
	names, seen := map[string]int{}, map[string]int{}
	file := func(e manifest.Entry) manifest.Entry {
		if e.Type == manifest.Link {
			e, _ = m.Lookup(e.Target)
		}
		return e
	}
	for _, e := range m.Entries() {
		names[file(e).Path]++
	}
	for _, e := range m.Entries() {
		of := file(e)
		seen[of.Path]++
		size, links := fmt.Sprint(max(of.Size(), int64(len(of.Target)))), names[of.Path]
		switch {
		case of.Type == manifest.Directory:
			links = 2
		case of.Type.IsDevice():
			size = fmt.Sprintf("%d, %d", of.Major, of.Minor)
		case of.Type == manifest.File && seen[of.Path] < links:
			size = "0"
		}
		line := fmt.Sprintf("%s %d %d %d %s Jan 1 1980 %s", listedMode(of), links, of.UID, of.GID, size, member{path: e.Path}.name())
		if of.Type == manifest.Symlink {
			line += " -> " + of.Target
		}
		lines = append(lines, line)
	}
	return lines
}

// listedMode is type and mode in the letters of ls.
func listedMode(e manifest.Entry) string {
	letters := []byte("-rwxrwxrwx")
	if e.Type != manifest.File {
		letters[0] = byte(e.Type)
	}
	for i := range 9 {
		if e.Mode>>(8-i)&1 == 0 {
			letters[1+i] = '-'
		}
	}
	for i, special := range []string{"Ss", "Ss", "Tt"} {
		if e.Mode>>(11-i)&1 == 1 {
			executable := e.Mode >> (6 - 3*i) & 1
			letters[3+3*i] = special[executable]
		}
	}
	return string(letters)
}

// plain is the part of a sample that an ordinary user can unpack, and have
// removed again.
func plain(entries []manifest.Entry) []manifest.Entry {
	var list []manifest.Entry
	for _, e := range entries {
		switch e.Type {
		case manifest.File, manifest.Directory, manifest.Symlink, manifest.FIFO:
			e.UID, e.GID = uint32(os.Getuid()), uint32(os.Getgid())
			list = append(list, e)
		case manifest.Link:
			list = append(list, e)
		}
	}
	return list
}

// GNU cpio unpacks what the manifest says: bytes, modes, links, and
// times as far as it sets them: neither of directories nor of symbolic links.
func TestGNUUnpacksTheManifest(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, plain(sample(c)))
	root := t.TempDir()
	gnu(t, root, archiveOf(t, mustPlan(t, m, Options{Time: 1e9}), c.Open), "-idm", "--no-absolute-filenames")
	for _, e := range m.Entries() {
		on := stat(t, root, e.Path)
		of := e
		if e.Type == manifest.Link {
			of, _ = m.Lookup(e.Target)
			if !os.SameFile(on, stat(t, root, e.Target)) {
				t.Errorf("/%s and /%s are two files", e.Path, e.Target)
			}
		}
		if got := manifestMode(on); got != of.Mode {
			t.Errorf("/%s: mode %o, want %o", e.Path, got, of.Mode)
		}
		if want := time.Unix(1e9, 0); of.Type != manifest.Directory && of.Type != manifest.Symlink && !on.ModTime().Equal(want) {
			t.Errorf("/%s: time %v, want %v", e.Path, on.ModTime(), want)
		}
		unpacked(t, filepath.Join(root, e.Path), of)
	}
}

func stat(t testing.TB, root, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Lstat(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// manifestMode is the mode of a file on disk in the manifest's numbers.
func manifestMode(info fs.FileInfo) uint32 {
	mode := uint32(info.Mode().Perm())
	for i, bit := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if info.Mode()&bit != 0 {
			mode |= 0o1000 << i
		}
	}
	return mode
}

func unpacked(t testing.TB, path string, e manifest.Entry) {
	t.Helper()
	switch e.Type {
	case manifest.File:
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		} else if digest.Of(got) != e.Digest {
			t.Errorf("/%s: %d bytes of other content", e.Path, len(got))
		}
	case manifest.Symlink:
		if got, err := os.Readlink(path); err != nil || got != e.Target {
			t.Errorf("/%s: leads to %q, %v", e.Path, got, err)
		}
	}
}

// The reader of these tests is worth something only if it reads what others
// write.
func TestKernelReadsGNU(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, plain(sample(c)))
	root := t.TempDir()
	gnu(t, root, archiveOf(t, mustPlan(t, m, Options{}), c.Open), "-idm", "--no-absolute-filenames")
	var names []string
	for _, e := range m.Entries() {
		names = append(names, member{path: e.Path}.name())
	}
	archive := gnu(t, root, []byte(strings.Join(names, "\x00")+"\x00"), "-o0", "-H", "newc")
	compare(t, readBack(t, archive), wanted(t, m))
}
