package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/tree"
)

// scratch is a fresh directory on the store's file system.
func scratch(t testing.TB, s *disk.Store) string {
	t.Helper()
	dir, remove, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return dir
}

// outputs writes what a command might leave behind: names to contents. A name that
// ends in a slash is a directory, a content that begins with "-> " a link, a
// content that begins with "#!" a program.
func outputs(t testing.TB, root string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(text, "-> ")
		mode := fs.FileMode(0o600)
		if strings.HasPrefix(text, "#!") {
			mode = 0o711
		}
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(p, 0o700)
		case isLink:
			err = os.Symlink(target, p)
		default:
			err = os.WriteFile(p, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func adopt(t testing.TB, s *disk.Store, path string) tree.Node {
	t.Helper()
	n, err := s.Adopt(t.Context(), path, disk.AdoptOptions{Name: "/out"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func pathOf(t testing.TB, s *disk.Store, n tree.Node) string {
	t.Helper()
	p, err := s.Path(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// listing is what is below a directory, one line each: mode, name, content.
func listing(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !info.ModTime().Equal(disk.Time) {
			t.Errorf("%s: modification time %v, want %v", p, info.ModTime(), disk.Time)
		}
		rel, _ := filepath.Rel(root, p)
		content := ""
		switch {
		case e.Type() == fs.ModeSymlink:
			content, err = os.Readlink(p)
			fmt.Fprintf(&b, "link %s %s\n", rel, content)
			return err
		case e.Type().IsRegular():
			c, err := os.ReadFile(p)
			fmt.Fprintf(&b, "%v %s %s\n", info.Mode(), rel, c)
			return err
		}
		fmt.Fprintf(&b, "%v %s\n", info.Mode(), rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var example = map[string]string{
	"bin/tool":       "#!/bin/sh",
	"bin/alias":      "-> tool",
	"bin/absolute":   "-> /usr/bin/tool",
	"bin/dangling":   "-> ../../../../nowhere",
	"share/a":        "text",
	"share/b":        "text",
	"share/c":        "#!/bin/sh",
	"share/deep/er/": "",
	"empty":          "",
	"odd\nname":      "newline",
	"sp ace 'q\"":    "quotes",
	"Case":           "1",
	"case":           "2",
	"..double":       "dots",
}

const exampleListing = `drwxr-xr-x .
-r--r--r-- ..double dots
-r--r--r-- Case 1
drwxr-xr-x bin
link bin/absolute /usr/bin/tool
link bin/alias tool
link bin/dangling ../../../../nowhere
-r-xr-xr-x bin/tool #!/bin/sh
-r--r--r-- case 2
-r--r--r-- empty 
-r--r--r-- odd
name newline
drwxr-xr-x share
-r--r--r-- share/a text
-r--r--r-- share/b text
-r-xr-xr-x share/c #!/bin/sh
drwxr-xr-x share/deep
drwxr-xr-x share/deep/er
-r--r--r-- sp ace 'q" quotes
`

// What a command left behind is what others find under the digest: names, bytes,
// links, empty directories, the executable bit; nothing of owners and times.
func TestAdoptTree(t *testing.T) {
	s := open(t, t.TempDir())
	out := filepath.Join(scratch(t, s), "out")
	outputs(t, out, example)
	n := adopt(t, s, out)
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the outputs are still where they were: %v", err)
	}
	if got := listing(t, pathOf(t, s, n)); got != exampleListing {
		t.Errorf("got\n%swant\n%s", got, exampleListing)
	}
	a, err := os.Lstat(pathOf(t, s, n) + "/share/a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Lstat(pathOf(t, s, tree.NewFile(digest.Of([]byte("text")), false)))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("a file of the tree is not a hard link to its blob (%v)", err)
	}
}

// A tree that only exists as messages and blobs, because another machine or a
// tool made it, becomes the same directory.
func TestMaterialize(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	out := filepath.Join(scratch(t, from), "out")
	outputs(t, out, example)
	n := adopt(t, from, out)
	copyTree(t, from, to, n)
	if got := listing(t, pathOf(t, to, n)); got != exampleListing {
		t.Errorf("got\n%swant\n%s", got, exampleListing)
	}
}

// copyTree puts all blobs of a tree into another store.
func copyTree(t testing.TB, from, to *disk.Store, root tree.Node) {
	t.Helper()
	err := tree.Walk(t.Context(), from.Trees(), root, func(_ string, n tree.Node) error {
		if n.Kind == tree.Symlink {
			return nil
		}
		b, err := from.Open(t.Context(), n.Digest)
		if err != nil {
			return err
		}
		defer b.Close()
		return to.Put(t.Context(), n.Digest, b)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Adopting the same tree again, also at the same time, changes nothing for those
// who use it.
func TestAdoptTwice(t *testing.T) {
	s := open(t, t.TempDir())
	first := filepath.Join(scratch(t, s), "out")
	outputs(t, first, example)
	n := adopt(t, s, first)
	before, err := os.Stat(pathOf(t, s, n))
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(scratch(t, s), "out")
	outputs(t, second, example)
	if m := adopt(t, s, second); m != n {
		t.Fatalf("got %v, then %v", n, m)
	}
	after, err := os.Stat(pathOf(t, s, n))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the directory was replaced (%v)", err)
	}
	if _, err := os.Lstat(second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second outputs are still there: %v", err)
	}
}

func TestAdoptSingle(t *testing.T) {
	s := open(t, t.TempDir())
	dir := scratch(t, s)
	outputs(t, dir, map[string]string{"program": "#!x", "plain": "#!x", "link": "-> a/b", "dir/": ""})
	if err := os.Chmod(filepath.Join(dir, "plain"), 0o000); err != nil {
		t.Fatal(err)
	}
	sum := digest.Of([]byte("#!x"))
	for name, want := range map[string]tree.Node{
		"program": tree.NewFile(sum, true),
		"plain":   tree.NewFile(sum, false),
		"link":    tree.NewLink("a/b"),
		"dir":     tree.Empty.Node(),
	} {
		if got := adopt(t, s, filepath.Join(dir, name)); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for _, executable := range []bool{true, false} {
		info, err := os.Stat(pathOf(t, s, tree.NewFile(sum, executable)))
		if err != nil || info.Mode()&0o111 != 0 != executable {
			t.Errorf("executable %v: got %v, %v", executable, info.Mode(), err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A command cannot hide what it left from its owner by taking permissions away.
func TestAdoptForbidden(t *testing.T) {
	s := open(t, t.TempDir())
	out := filepath.Join(scratch(t, s), "out")
	outputs(t, out, map[string]string{"d/f": "secret"})
	for _, p := range []string{"d/f", "d"} {
		if err := os.Chmod(filepath.Join(out, p), 0); err != nil {
			t.Fatal(err)
		}
	}
	got := listing(t, pathOf(t, s, adopt(t, s, out)))
	if want := "drwxr-xr-x .\ndrwxr-xr-x d\n-r--r--r-- d/f secret\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a tree cannot carry is an error that says what to declare, and nothing of
// the output gets into the store.
func TestAdoptRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"setuid", func(p string) error { return makeMode(p, unix.S_ISUID|0o755) },
			"output /out/d/bad is setuid; special modes are declared, not taken from files: declare mode 4755 for it in the root file system, and have the command clear the bit"},
		{"setgid", func(p string) error { return makeMode(p, unix.S_ISGID|0o755) },
			"output /out/d/bad is setgid; special modes are declared, not taken from files: declare mode 2755 for it in the root file system, and have the command clear the bit"},
		{"fifo", func(p string) error { return unix.Mkfifo(p, 0o644) },
			"output /out/d/bad is a named pipe; a tree holds files, directories and links: declare pipes in the root file system instead"},
		{"socket", func(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o644, 0) },
			"output /out/d/bad is a socket; a tree holds files, directories and links: have the command remove it"},
		{"name", func(p string) error { return os.WriteFile(p+"\xff", nil, 0o644) },
			`output "/out/d/bad\xff" has a name that is not UTF-8`},
		{"target", func(p string) error { return os.Symlink("\xff", p) },
			`output /out/d/bad is a symbolic link to "\xff", which is not UTF-8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			out := filepath.Join(scratch(t, s), "out")
			outputs(t, out, map[string]string{"d/good": "good"})
			if err := c.make(filepath.Join(out, "d/bad")); err != nil {
				t.Fatal(err)
			}
			_, err := s.Adopt(t.Context(), out, disk.AdoptOptions{Name: "/out"})
			var refused *disk.Refused
			if !errors.As(err, &refused) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if missing, err := s.Missing(t.Context(), []digest.Digest{digest.Of([]byte("good"))}); err != nil || len(missing) != 1 {
				t.Errorf("a file of refused outputs is in the store (%v)", err)
			}
		})
	}
}

// makeMode exists because os.WriteFile knows no special bits.
func makeMode(path string, mode uint32) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return unix.Chmod(path, mode)
}

// damages are what may happen to a file of a store behind its back.
var damages = map[string]func(path string) error{
	"truncated": func(p string) error { return change(p, func() error { return os.Truncate(p, 1) }) },
	"rewritten": func(p string) error { return change(p, func() error { return os.WriteFile(p, []byte("TEXT"), 0) }) },
	"removed":   os.Remove,
	"appended": func(p string) error {
		return change(p, func() error { return os.WriteFile(p, []byte("text and more"), 0) })
	},
	"replaced by a directory": func(p string) error {
		return errors.Join(os.Remove(p), os.Mkdir(p, 0o755))
	},
	"replaced by a link": func(p string) error {
		return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p))
	},
}

func change(path string, act func() error) error {
	return errors.Join(os.Chmod(path, 0o644), act())
}

// A damaged blob is never given out: it is missing, so that it is made again.
func TestDamagedBlob(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			d, err := store.PutBytes(t.Context(), s, []byte("text"))
			if err != nil {
				t.Fatal(err)
			}
			n := tree.NewFile(d, false)
			path := pathOf(t, s, n)
			for what, use := range map[string]func() error{
				"Path": func() error { _, err := s.Path(t.Context(), n); return err },
				"Open": func() error { _, err := store.Bytes(t.Context(), s, d); return err },
				"Missing": func() error {
					missing, err := s.Missing(t.Context(), []digest.Digest{d})
					if len(missing) == 1 {
						return &store.Missing{Digest: d}
					}
					return err
				},
			} {
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
				var missing *store.Missing
				if err := use(); !errors.As(err, &missing) || missing.Digest != d {
					t.Errorf("%s: got %v, want *store.Missing", what, err)
				}
				if _, err := store.PutBytes(t.Context(), s, []byte("text")); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(pathOf(t, s, n)); string(got) != "text" {
					t.Errorf("%s: after putting it again: got %q, %v", what, got, err)
				}
			}
		})
	}
}

// A bit that flips without a trace in size or times is found when the blob is
// read, and the tree that shares the bytes does not keep them.
func TestSilentDamage(t *testing.T) {
	s := open(t, t.TempDir())
	out := filepath.Join(scratch(t, s), "out")
	outputs(t, out, map[string]string{"f": "text"})
	n, d := adopt(t, s, out), digest.Of([]byte("text"))
	f := pathOf(t, s, n) + "/f"
	err := change(f, func() error { return os.WriteFile(f, []byte("tExt"), 0) })
	if err := errors.Join(err, os.Chmod(f, 0o444), os.Chtimes(f, disk.Time, disk.Time)); err != nil {
		t.Fatal(err)
	}
	var missing *store.Missing
	if b, err := store.Bytes(t.Context(), s, d); !errors.As(err, &missing) {
		t.Fatalf("read: got %q, %v", b, err)
	}
	if _, err := s.Path(t.Context(), n); !errors.As(err, &missing) || missing.Digest != d {
		t.Fatalf("tree: got %v, want *store.Missing", err)
	}
	if _, err := store.PutBytes(t.Context(), s, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, pathOf(t, s, n)), "drwxr-xr-x .\n-r--r--r-- f text\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Whatever happened to a materialised tree, a new process repairs it from blobs, or
// says which blob it lacks.
func TestDamagedTree(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			damagedTree(t, "share/a", damage)
		})
	}
	for name, damage := range map[string]func(root string) error{
		"extra file":   func(root string) error { return os.WriteFile(root+"/bin/extra", nil, 0o444) },
		"extra tree":   func(root string) error { return os.MkdirAll(root+"/bin/x/y", 0o755) },
		"no directory": func(root string) error { return os.RemoveAll(root + "/share") },
		"other link": func(root string) error {
			return errors.Join(os.Remove(root+"/bin/alias"), os.Symlink("evil", root+"/bin/alias"))
		},
		"closed": func(root string) error { return os.Chmod(root+"/share", 0) },
		"file for a dir": func(root string) error {
			return errors.Join(os.RemoveAll(root+"/bin"), os.WriteFile(root+"/bin", nil, 0o444))
		},
		"mode": func(root string) error { return os.Chmod(root+"/bin/tool", 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			damagedTree(t, "", damage)
		})
	}
}

func damagedTree(t *testing.T, file string, damage func(path string) error) {
	dir := t.TempDir()
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(scratch(t, s), "out")
	outputs(t, out, example)
	n := adopt(t, s, out)
	path := pathOf(t, s, n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := damage(filepath.Join(path, file)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	_, err = s.Path(t.Context(), n)
	var missing *store.Missing
	if errors.As(err, &missing) {
		if missing.Digest != digest.Of([]byte("text")) {
			t.Errorf("got %v, want the blob of %s", err, file)
		}
		if err := putText(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if got := listing(t, pathOf(t, s, n)); got != exampleListing {
		t.Errorf("got\n%swant\n%s", got, exampleListing)
	}
}

func putText(ctx context.Context, s *disk.Store) error {
	_, err := store.PutBytes(ctx, s, []byte("text"))
	return err
}

// A file system allows only so many names for one inode (65,000 on ext4), and a
// tree of empty files has more.
func TestManyLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 70,000 links")
	}
	s := open(t, t.TempDir())
	d, err := store.PutBytes(t.Context(), s, []byte("same"))
	if err != nil {
		t.Fatal(err)
	}
	var entries []tree.Entry
	for i := range 70_000 {
		entries = append(entries, tree.Entry{Name: fmt.Sprint(i), Node: tree.NewFile(d, false)})
	}
	dir, err := tree.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trees().PutDirectory(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadDir(pathOf(t, s, dir.Node()))
	if err != nil || len(got) != 70_000 {
		t.Errorf("got %d files, %v", len(got), err)
	}
}
