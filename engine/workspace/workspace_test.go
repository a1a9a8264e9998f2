package workspace

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/tree"
)

var ctx = context.Background()

// write makes files below a new directory; a path that ends in a slash is a
// directory, a text that begins with "-> " a symbolic link.
func write(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		target, link := strings.CutPrefix(text, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(p, 0o755))
		case link:
			must(t, os.Symlink(target, p))
		default:
			must(t, os.WriteFile(p, []byte(text), 0o644))
		}
	}
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, root string, opts Options) *Workspace {
	t.Helper()
	w, err := Open(root, opts)
	must(t, err)
	return w
}

func source(t *testing.T, s string) *action.Artifact {
	t.Helper()
	l, err := label.Parse(s, label.Label{})
	must(t, err)
	return action.NewSource(l, false)
}

// A tree carries names, bytes, the executable bit, links and empty directories,
// and nothing of version control or editors.
func TestNodeOfDirectory(t *testing.T) {
	root := write(t, map[string]string{
		"overlay/etc/motd":      "hello",
		"overlay/etc/motd~":     "backup",
		"overlay/.git/HEAD":     "ref",
		"overlay/.profile":      "p",
		"overlay/run.sh":        "#!",
		"overlay/bin":           "-> usr/bin",
		"overlay/dangling":      "-> /nowhere",
		"overlay/var/empty/":    "",
		"outside/unrelated.txt": "x",
	})
	must(t, os.Chmod(filepath.Join(root, "overlay/run.sh"), 0o755))
	m := new(tree.Memory)
	n, err := open(t, root, Options{}).Node(ctx, source(t, "//:overlay"), m)
	must(t, err)
	var got []string
	must(t, tree.Walk(ctx, m, n, func(p string, n tree.Node) error {
		got = append(got, strings.TrimSpace(strings.Join([]string{n.Kind.String(), p, n.Target, map[bool]string{true: "x"}[n.Executable]}, " ")))
		return nil
	}))
	want := []string{"directory", "file .profile", "symbolic link bin usr/bin", "symbolic link dangling /nowhere", "directory etc", "file etc/motd", "file run.sh  x", "directory var", "directory var/empty"}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	f, err := open(t, root, Options{}).Node(ctx, source(t, "//:overlay/etc/motd"), m)
	must(t, err)
	if f != tree.NewFile(digest.Of([]byte("hello")), false) {
		t.Fatal(f)
	}
}

// What a tree cannot hold is an error that names every place, and a pipe does
// not block the reader.
func TestNodeRefuses(t *testing.T) {
	root := write(t, map[string]string{"d/x": "x", "bad\xff/y": "y", "d/bad\xfe": "z"})
	must(t, syscall.Mkfifo(filepath.Join(root, "d/pipe"), 0o600))
	must(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	w := open(t, root, Options{})
	_, err := w.Node(ctx, source(t, "//:d"), new(tree.Memory))
	if err == nil || !strings.Contains(err.Error(), "d/pipe: got a named pipe") || !strings.Contains(err.Error(), `name "bad\xfe" is not UTF-8`) {
		t.Fatal(err)
	}
	if _, err := w.Node(ctx, source(t, "//:pipe"), new(tree.Memory)); err == nil || !strings.Contains(err.Error(), "named pipe") {
		t.Fatal(err)
	}
	if _, err := w.Node(ctx, source(t, "//:gone"), new(tree.Memory)); err == nil || err.Error() != "gone: no such file or directory" {
		t.Fatal(err)
	}
	if _, err := w.ReadFile("", "pipe"); err == nil {
		t.Fatal("read a pipe")
	}
}

// The runner gets every file of an artifact, each content once, from disk and
// from the program alike.
func TestUpload(t *testing.T) {
	root := write(t, map[string]string{"d/a": "1", "d/b/c": "2", "d/same": "1", "d/link": "-> a"})
	w := open(t, root, Options{Embedded: map[string]fs.FS{"rules": fstest.MapFS{"x/e": {Data: []byte("3")}}}})
	for at, want := range map[string]string{"//:d": "1,2", "//:d/link": "1", "@rules//:x": "3", "@rules//:x/e": "3"} {
		var got []string
		err := w.Upload(ctx, source(t, at), func(_ context.Context, d digest.Digest, r io.Reader) error {
			b, err := io.ReadAll(r)
			if d != digest.Of(b) {
				t.Errorf("%s: digest of %q is wrong", at, b)
			}
			got = append(got, string(b))
			return err
		})
		must(t, err)
		slices.Sort(got)
		if strings.Join(got, ",") != want {
			t.Errorf("%s: got %q, want %s", at, got, want)
		}
	}
}

// Bazel's glob: files only, names with dots too, not into other build
// directories.
func TestGlob(t *testing.T) {
	root := write(t, map[string]string{
		"p/APPLIANCE.star": "", "p/a.c": "", "p/b.c": "", "p/b.h": "", "p/.hidden": "", "p/sub/c.c": "", "p/sub/deep/d.c": "",
		"p/other/APPLIANCE.star": "", "p/other/x.c": "", "p/.git/config": "", "p/a.c~": "", "p/link.c": "-> a.c", "p/broken.c": "-> gone", "p/dir.c/": "",
		"out/y.c": "", "APPLIANCE.star": "",
	})
	w := open(t, root, Options{})
	for _, test := range []struct {
		dir, include, exclude string
		directories           bool
		want                  string
	}{
		{"p", "*.c", "", false, "a.c b.c link.c"},
		{"p", "**/*.c", "sub/deep/**", false, "a.c b.c link.c sub/c.c"},
		{"p", "**", "*.c", false, ".hidden APPLIANCE.star b.h sub/c.c sub/deep/d.c"},
		{"p", "sub/**", "", true, "sub sub/c.c sub/deep sub/deep/d.c"},
		{"p", "{a,b}.c b.c", "", false, "a.c b.c"},
		{"p", "a.c", "", false, "a.c"},
		{"p", "other/*.c", "", false, ""},
		{"p", "nothing/*.c", "", false, ""},
		{"", "**/*.c", "", false, ""},
	} {
		got, err := w.Glob(ctx, "", test.dir, Glob{strings.Fields(test.include), strings.Fields(test.exclude), test.directories})
		must(t, err)
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s without %s: got %q, want %q", test.dir, test.include, test.exclude, got, test.want)
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "p/sub/\xff"), nil, 0o644))
	for _, bad := range []string{"sub/*", "[", "/etc/*", "../*", "a/./b"} {
		if _, err := w.Glob(ctx, "", "p", Glob{Include: []string{bad}}); err == nil {
			t.Errorf("glob %q: no error", bad)
		}
	}
}

// The root is the file that calls workspace(...), not one that mentions it.
func TestFind(t *testing.T) {
	root := write(t, map[string]string{
		"APPLIANCE.star":        "# the root\nworkspace (name = 'x')\n",
		"a/APPLIANCE.star":      "# workspace()\n'''\nworkspace()\n'''\nx = [\nworkspace]\n",
		"a/b/c/":                "",
		"nested/APPLIANCE.star": "workspace(\n    name = 'y',\n)\n",
		"nested/d/":             "",
	})
	for dir, want := range map[string]string{"": "", "a": "", "a/b/c": "", "nested": "nested", "nested/d": "nested"} {
		got, err := Find(filepath.Join(root, dir))
		must(t, err)
		if got != filepath.Join(root, want) {
			t.Errorf("%q: got %s, want %q", dir, got, want)
		}
	}
	if _, err := Find(t.TempDir()); err == nil {
		t.Error("found a root where there is none")
	}
	dirs, err := open(t, root, Options{}).BuildDirectories(ctx, "", "")
	must(t, err)
	if !slices.Equal(dirs, []string{"", "a"}) {
		t.Errorf("build directories: got %q", dirs)
	}
}

// A digest may be taken from the cache only if the file cannot have changed
// since: same stamp, and old enough when it was read.
func TestStatCache(t *testing.T) {
	root := write(t, map[string]string{"f": "one"})
	cache := filepath.Join(t.TempDir(), "stat")
	file := filepath.Join(root, "f")
	key := statKey{root, "f"}
	later := func() time.Time { return time.Now().Add(time.Hour) }
	node := func(w *Workspace) digest.Digest {
		t.Helper()
		n, err := w.Node(ctx, source(t, "//:f"), new(tree.Memory))
		must(t, err)
		return n.Digest
	}
	known := func(w *Workspace) bool {
		t.Helper()
		info, err := os.Stat(file)
		must(t, err)
		s, ok := stampOf(info)
		if !ok {
			t.Fatal("no stamp")
		}
		_, found := w.stats.lookup(key, s)
		return found
	}

	young := open(t, root, Options{StatCache: cache})
	node(young)
	if known(young) {
		t.Error("a file that was just written is trusted")
	}
	old := open(t, root, Options{StatCache: cache, Now: later})
	node(old)
	if !known(old) {
		t.Error("a file that is an hour old is not trusted")
	}
	must(t, old.Close())
	again := open(t, root, Options{StatCache: cache})
	if !known(again) {
		t.Error("the saved digest is lost")
	}
	must(t, os.WriteFile(file, []byte("two"), 0o644))
	if node(again) != digest.Of([]byte("two")) {
		t.Error("a changed file has its old digest")
	}

	saved, err := os.ReadFile(cache)
	must(t, err)
	for name, damage := range map[string]string{
		"cut":     string(saved[:len(saved)-5]),
		"version": strings.Replace(string(saved), "cache 1", "cache 2", 1),
		"flipped": strings.Replace(string(saved), " 3 ", " 4 ", 1) + " ",
		"empty":   "",
	} {
		must(t, os.WriteFile(cache, []byte(damage), 0o644))
		if w := open(t, root, Options{StatCache: cache}); len(w.stats.entries) != 0 {
			t.Errorf("%s: a damaged cache is used", name)
		}
	}
}

// Layers answer under their name, and a directory that is none is refused.
func TestAddLayer(t *testing.T) {
	root := write(t, map[string]string{"APPLIANCE.star": "", "layer/APPLIANCE.star": "", "layer/x": "1", "bare/x": ""})
	w := open(t, root, Options{Embedded: map[string]fs.FS{"rules": fstest.MapFS{}}})
	dir, err := w.LayerRoot("", "layer")
	must(t, err)
	must(t, w.AddLayer("l", dir))
	if !w.Exists("l", "x") || w.Display("l", "x") != "layer/x" {
		t.Error("the layer's file is not found")
	}
	must(t, w.AddArchive("a", dir))
	if w.Display("a", "x") != "@a//x" {
		t.Errorf("a file of an archive is shown as %s", w.Display("a", "x"))
	}
	if up, err := w.LayerRoot("l", ".."); err != nil || !SameRoot(up, root) || SameRoot(up, dir) {
		t.Errorf("the layer's parent: got %s, %v", up, err)
	}
	for name, want := range map[string]string{"l": "there is a repository @l already", "rules": "@rules is a part of this program"} {
		if err := w.AddLayer(name, dir); err == nil || err.Error() != want {
			t.Errorf("layer %s: got %v, want %s", name, err, want)
		}
	}
	for dir, want := range map[string]string{
		"nowhere": "nowhere: no such file or directory",
		"layer/x": "layer/x: not a directory",
		"bare":    "bare: no APPLIANCE.star there",
	} {
		if _, err := w.LayerRoot("", dir); err == nil || err.Error() != want {
			t.Errorf("layer at %s: got %v, want %s", dir, err, want)
		}
	}
}

// Directories from anywhere are one repository, in which nothing but its own build
// file is one.
func TestAddAssembled(t *testing.T) {
	root, other := write(t, map[string]string{"APPLIANCE.star": ""}), write(t, map[string]string{
		"x": "1", "sub/APPLIANCE.star": "", "sub/y": "2", "APPLIANCE.star": "", "link": "-> x", ".git/config": "", "x~": "", ".x.swp": "", ".#x": "-> nowhere",
	})
	cache := filepath.Join(t.TempDir(), "stats")
	w := open(t, root, Options{StatCache: cache, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	must(t, w.AddAssembled("a", Assembled{BuildFile: "text", Dirs: map[string]string{"d": other}}))
	if text, err := w.ReadFile("a", BuildFile); err != nil || string(text) != "text" {
		t.Errorf("the build file is %q, %v", text, err)
	}
	if owner, ok := w.BuildDirectoryOf("a", "d/sub/y"); !ok || owner != "" {
		t.Errorf("d/sub/y belongs to %q, %v", owner, ok)
	}
	if got, want := w.Display("a", "d/sub/y"), filepath.Join(other, "sub/y"); got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
	if at, ok := w.Locate("a", "d/x"); !ok || at != filepath.Join(other, "x") {
		t.Errorf("d/x is at %s, %v", at, ok)
	}
	if w.Exists("a", "e") || w.Exists("a", "d/nowhere") || w.IsDir("a", "d/x") || !w.IsDir("a", "d") {
		t.Error("files are not what they are")
	}
	if err := w.AddAssembled("a", Assembled{}); err == nil || err.Error() != "there is a repository @a already" {
		t.Errorf("got %v for a name that is taken", err)
	}
	owner, err := label.New("a", "", "d")
	must(t, err)
	var files []string
	must(t, w.Upload(t.Context(), action.NewSource(owner, true), func(_ context.Context, _ digest.Digest, r io.Reader) error {
		b, err := io.ReadAll(r)
		files = append(files, string(b))
		return err
	}))
	slices.Sort(files)
	if want := []string{"", "1", "2"}; !slices.Equal(files, want) {
		t.Errorf("the files are %q, want %q", files, want)
	}
	must(t, w.Close())
	if saved, err := os.ReadFile(cache); err != nil || !strings.Contains(string(saved), other) {
		t.Errorf("the digests of files elsewhere are not kept: %v", err)
	}
}

// What a program saves replaces a file as a whole, in the workspace and nowhere else.
func TestSave(t *testing.T) {
	outside := write(t, map[string]string{"x": "theirs"})
	root := write(t, map[string]string{
		"APPLIANCE.star": "", "a": "old", "sub/b": "old", "link": "-> sub/b", "out": "-> " + filepath.Join(outside, "x"), "dirout": "-> " + outside, "dir/": "",
	})
	must(t, os.Chmod(filepath.Join(root, "a"), 0o755))
	w := open(t, root, Options{})
	for _, p := range []string{"a", "link", "new", "sub/new"} {
		for _, want := range []bool{true, false} {
			if changed, err := w.Save("", p, []byte("new")); err != nil || changed != want {
				t.Errorf("%s: changed %v, %v, want %v", p, changed, err, want)
			}
		}
	}
	for p, mode := range map[string]fs.FileMode{"a": 0o755, "sub/b": 0o644, "new": 0o644, "sub/new": 0o644} {
		info, err := os.Lstat(filepath.Join(root, p))
		must(t, err)
		if b, err := os.ReadFile(filepath.Join(root, p)); err != nil || string(b) != "new" || info.Mode() != mode {
			t.Errorf("%s is %q, %v, %v", p, b, info.Mode(), err)
		}
	}
	for p, want := range map[string]string{
		"out":       "out: a symbolic link leads out of the workspace, to " + filepath.Join(outside, "x"),
		"dirout/x":  "dirout/x: a symbolic link leads out of the workspace, to " + filepath.Join(outside, "x"),
		"dir":       "dir: got a directory, want a file",
		"nowhere/x": "nowhere/x: no such file or directory",
	} {
		if _, err := w.Save("", p, []byte("stolen")); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", p, err, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(outside, "x")); err != nil || string(b) != "theirs" {
		t.Errorf("outside is %q, %v", b, err)
	}
	must(t, w.AddLayer("l", outside))
	if _, err := w.Save("l", "x", nil); err == nil || !strings.Contains(err.Error(), "only files of the workspace itself can be changed") {
		t.Errorf("a layer: got %v", err)
	}
}

// Whatever the text, looking for workspace(...) ends.
func FuzzDeclaresWorkspace(f *testing.F) {
	for _, s := range []string{"workspace()", "'''\nworkspace()", "x = \"\\", "#", "(\nworkspace()"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if declaresWorkspace(s) && !strings.Contains(s, "workspace") {
			t.Fatal("found what is not there")
		}
	})
}

// A saved cache comes back as it was, and no bytes bring the reader down.
func FuzzStatCache(f *testing.F) {
	f.Add([]byte(statFormat + "\n"))
	c := &statCache{entries: map[statKey]statEntry{{"/r", "a b\n"}: {stamp{1, 2, 3, 4}, 5, digest.Of([]byte("x"))}}}
	f.Add(c.format())
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, ok := parseStatCache(b)
		if !ok {
			return
		}
		back, ok := parseStatCache((&statCache{entries: entries}).format())
		if !ok || len(back) != len(entries) {
			t.Fatal("a cache does not read back")
		}
	})
}
