package tar

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kittyhawk/appliance/rules/judge"
)

// GNU tar's own view of each member: mode, owner, size, time, name, target, and
// their order.
func TestGNUListsTheTree(t *testing.T) {
	b := archiveOf(t, `{"compression": "none", "directory": "sdk"}`, map[string]string{
		"bin/a":   "exec 12345",
		"bin/b":   "exec 12345",
		"bin/c":   "link a",
		"bin.txt": "file x",
		"empty":   "dir",
	})
	want := `drwxr-xr-x 0/0 0 1980-01-01 00:00:00 sdk/
drwxr-xr-x 0/0 0 1980-01-01 00:00:00 sdk/bin/
-rwxr-xr-x 0/0 5 1980-01-01 00:00:00 sdk/bin/a
hrwxr-xr-x 0/0 0 1980-01-01 00:00:00 sdk/bin/b link to sdk/bin/a
lrwxrwxrwx 0/0 0 1980-01-01 00:00:00 sdk/bin/c -> a
-rw-r--r-- 0/0 1 1980-01-01 00:00:00 sdk/bin.txt
drwxr-xr-x 0/0 0 1980-01-01 00:00:00 sdk/empty/
`
	var got strings.Builder
	for line := range strings.Lines(string(judge.Run(t, t.TempDir(), b, "tar", "--list", "--verbose", "--full-time", "--numeric-owner", "--file=-"))) {
		got.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// GNU tar makes of the archive what was put in, whoever unpacks it.
func TestGNUUnpacksTheTree(t *testing.T) {
	want := sample()
	for _, test := range []struct{ args, decompress string }{
		{`{"compression": "none", "directory": "sdk"}`, ""},
		{`{"compression": "gzip", "level": 6, "directory": "sdk"}`, "gzip"},
		{`{"compression": "zstd", "level": 6, "directory": "sdk"}`, "zstd"},
	} {
		dir, b := t.TempDir(), archiveOf(t, test.args, want)
		if test.decompress != "" {
			b = judge.Run(t, dir, b, test.decompress, "--decompress", "--stdout")
		}
		judge.Run(t, dir, b, "tar", "--extract", "--no-same-owner", "--preserve-permissions", "--file=-")
		if diff := cmp.Diff(want, onDisk(t, filepath.Join(dir, "sdk"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.args, diff)
		}
	}
}

// onDisk is a directory in the lines of treetest; modes and times that are not
// what they should be are errors.
func onDisk(t *testing.T, root string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		name := strings.TrimPrefix(p, root+"/")
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.ModTime().Equal(epoch) {
			t.Errorf("%q: time %v, want %v", name, info.ModTime(), epoch)
		}
		delete(lines, filepath.Dir(name))
		lines[name], err = line(p, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func line(p string, info fs.FileInfo) (string, error) {
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(p)
		return "link " + target, err
	}
	kind, ok := map[fs.FileMode]string{fs.ModeDir | 0o755: "dir", 0o755: "exec ", 0o644: "file "}[info.Mode()]
	if !ok {
		return "", fmt.Errorf("%q: mode %v", p, info.Mode())
	}
	if info.IsDir() {
		return kind, nil
	}
	b, err := os.ReadFile(p)
	return kind + string(b), err
}

// Equal programs are one file, and other files are not.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	judge.Run(t, dir, archiveOf(t, `{"compression": "none"}`, sample()), "tar", "--extract", "--no-same-owner", "--preserve-permissions", "--file=-")
	for a, test := range map[string]struct {
		b    string
		same bool
	}{
		"bin/cc":      {"bin/powerpc-linux-gcc", true},
		"include/a.h": {"include/b.h", false},
	} {
		if got := os.SameFile(stat(t, dir, a), stat(t, dir, test.b)); got != test.same {
			t.Errorf("%s and %s are one file: got %t, want %t", a, test.b, got, test.same)
		}
	}
}

func stat(t *testing.T, dir, name string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// zstd itself checks frames: the checksum, a window that every decoder has,
// several jobs.
func TestZstdAgrees(t *testing.T) {
	data := noise(4*window + 1)
	for _, level := range []int{1, 3, 6} {
		file, frame := filepath.Join(t.TempDir(), "a.zst"), compressed(t, Compression{Format: "zstd", Level: level}, data)
		if err := os.WriteFile(file, frame, 0o644); err != nil {
			t.Fatal(err)
		}
		var header zstd.Header
		if err := header.Decode(frame); err != nil || !header.HasCheckSum || header.WindowSize != window {
			t.Errorf("level %d: header %+v, %v", level, header, err)
		}
		judge.Run(t, ".", nil, "zstd", "--test", "--quiet", "--memory=8MB", file)
		if got := judge.Run(t, ".", nil, "zstd", "--decompress", "--stdout", file); !bytes.Equal(got, data) {
			t.Errorf("level %d: unpacked bytes differ", level)
		}
	}
}
