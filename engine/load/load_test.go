package load_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/workspace"
)

var ctx = context.Background()

func newLoader(ws *workspace.Workspace) *load.Loader {
	return load.New(ws, event.Discard, load.Options{MaxSteps: 1_000_000})
}

func patterns(t testing.TB, texts ...string) []label.Pattern {
	t.Helper()
	var all []label.Pattern
	for _, s := range texts {
		p, err := label.ParsePattern(s, label.Label{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// What users get wrong in Starlark files, and the words they are told.
func TestProblems(t *testing.T) {
	loadtest.Run(t, "testdata/problems.star", func(t *testing.T, ws *workspace.Workspace) error {
		_, err := newLoader(ws).Targets(ctx, patterns(t, "//..."))
		return err
	})
}

// What a command line means, and what it is told when it means nothing.
func TestPatterns(t *testing.T) {
	ws := loadtest.Read(t, "testdata/patterns.star")[0].Open(t)
	for _, test := range []struct {
		patterns string
		want     string // the labels, or the error
	}{
		{"//...", "//:default //a:x //a:y //a/b:x"},
		{"//:default", "//:default"},
		{"//a:all", "//a:x //a:y"},
		{"//a:*", "//a:x //a:y"},
		{"//a/...", "//a:x //a:y //a/b:x"},
		{"//... -//a/...", "//:default"},
		{"//a:hand", "//a:hand"},
		{"//a:file.txt", "//a:file.txt"},
		{"//a:folder", "//a:folder"},
		{"//a:folder/deep.txt", "//a:folder/deep.txt"},
		{"//a/b/...", "//a/b:x"},
		{"//a:xx", "//a:xx: no such target or source file\n    note: a/APPLIANCE.star declares hand, x, y\n    hint: did you mean \"//a:x\"?"},
		{"//a:file.tx", "//a:file.tx: no such target or source file\n    note: a/APPLIANCE.star declares hand, x, y\n    hint: did you mean \"//a:file.txt\"?"},
		{"//a:b/x.txt", "//a:b/x.txt: the file belongs to the build directory //a/b"},
		{"//a:b", "//a:b: the file belongs to the build directory //a/b"},
		{"//ab", "//ab: no such build directory: there is no ab/APPLIANCE.star\n    hint: did you mean \"//a\"?"},
		{"//nested:x", "nested/APPLIANCE.star:4:10: workspace() belongs in the APPLIANCE.star of a root directory; this directory is a workspace of its own\n        workspace(name = \"nested\")\n                 ^"},
		{"//empty/...", "//empty/...: no targets match"},
		{"@lib//:x", "@lib//:x: no repository @lib\n    note: layers are declared by workspace(layers = ...) in the root APPLIANCE.star"},
	} {
		targets, err := newLoader(ws).Targets(ctx, patterns(t, strings.Fields(test.patterns)...))
		var labels []string
		for _, target := range targets {
			labels = append(labels, target.Label().String())
		}
		got := strings.Join(labels, " ")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.patterns, got, test.want)
		}
	}
}

// What a query shows of a target.
func TestTarget(t *testing.T) {
	ws := loadtest.Read(t, "testdata/patterns.star")[0].Open(t)
	l := newLoader(ws)
	targets, err := l.Targets(ctx, patterns(t, "//:default", "//a/b:x", "//a:file.txt", "//a:folder"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range targets {
		var deps []string
		for _, d := range x.Deps() {
			deps = append(deps, d.String())
		}
		got = append(got, strings.Join([]string{x.Label().String(), x.Kind(), x.Macro(), x.Visibility(), strings.Join(deps, ",")}, "|"))
	}
	want := []string{
		"//:default|filegroup||//visibility:private|//a:x,//a:y,//c:c1,//c:c2",
		"//a:file.txt|source file||//visibility:public|",
		"//a:folder|source directory||//visibility:private|",
		"//a/b:x|filegroup|macro|//a:__subpackages__|//a/b:x.txt",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whatever the text of a file, loading ends, and with an error or targets.
func FuzzLoad(f *testing.F) {
	f.Add("filegroup(name = 'a', srcs = glob(['*']))", "x = 1")
	f.Add("load('//:defs.star', 'r')\nr(name = 'a', deps = select({'//x': []}) + ['b'])", "r = rule(implementation = lambda ctx: None, attrs = {'deps': attr.label_list(doc = 'd')})")
	f.Add("workspace(name = 'x', layers = {'a': '.'}, mirrors = {'m': 'u'})", "P, _p = provider(fields = {'a': 'b'}, init = lambda: {})\nx = depset([1], transitive = [depset([2])])")
	f.Add("load('//:defs.star', t = 'x')\nt()", "load(':defs.star', 'x')")
	f.Add("load('//:defs.star', 'm')\nm(name = 'a', x = ['b'])\nderive(name = 'c', base = ':a', x = lambda x: x + [':d'])\nderive(name = 'd', base = '//:c')", "m = derivable(lambda name, x: filegroup(name = name, srcs = x), labels = ['x', 'x.y'])")
	f.Add("exports_files(['x'])\npackage(default_visibility = ['//a:__pkg__'])", "transition(implementation = len, inputs = [], outputs = ['//command_line_option:platforms'])")
	f.Fuzz(func(t *testing.T, build, library string) {
		c := loadtest.Chunk{Name: "fuzz", Files: map[string]string{workspace.BuildFile: build, "defs.star": library}}
		l := load.New(c.Open(t), event.Discard, load.Options{MaxSteps: 10_000})
		targets, err := l.Targets(ctx, patterns(t, "//..."))
		if err == nil && len(targets) == 0 {
			t.Fatal("no targets and no error")
		}
	})
}

// Files that are deep rather than long must not exhaust the stack: Go cannot
// recover from that.
func TestDeepFiles(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"minus":   "x = " + strings.Repeat("-", n) + "1",
		"not":     "x = " + strings.Repeat("not ", n/4) + "1",
		"lambda":  "x = " + strings.Repeat("lambda:", n/7) + "1",
		"plus":    "x = 1" + strings.Repeat("+1", n/2),
		"mixed":   "x = 1" + strings.Repeat("+1-1", n/4),
		"power":   "x = 1" + strings.Repeat(" if 1 else 1", n/12),
		"dots":    "x = a" + strings.Repeat(".b", n/2),
		"calls":   "x = a" + strings.Repeat("()", n/2),
		"index":   "x = a" + strings.Repeat("[0]", n/3),
		"open":    "x = " + strings.Repeat("[", n),
		"strings": "x = '" + strings.Repeat("(", n) + "'",
		"elif":    "def f():\n  if 1: pass\n" + strings.Repeat("  elif 1: pass\n", n/15),
		"blocks":  "def f():\n" + blocks(900),
		"compare": "x = 1" + strings.Repeat(" and 1", n/6),
	} {
		t.Run(name, func(t *testing.T) {
			c := loadtest.Chunk{Name: name, Files: map[string]string{workspace.BuildFile: text}}
			if _, err := newLoader(c.Open(t)).Targets(ctx, patterns(t, "//...")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func blocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+1) + "if 1:\n")
	}
	return b.String() + strings.Repeat(" ", n+1) + "pass\n"
}
