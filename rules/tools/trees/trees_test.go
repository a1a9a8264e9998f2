package trees_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/trees"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

type lines = map[string]string

// run calls a tool with trees from //a, //b, …; no file may be opened.
func run(t *testing.T, tool action.Tool, args string, in ...lines) (lines, error) {
	t.Helper()
	call := treetest.New(args)
	for i, l := range in {
		call.AddTree("trees", "//"+string(rune('a'+i)), l)
		call.AddTree("tree", "//"+string(rune('a'+i)), l)
	}
	if err := tool.Run(context.Background(), call); err != nil {
		return nil, err
	}
	if call.Opened > 0 {
		t.Errorf("%d files were opened", call.Opened)
	}
	return call.Lines("tree"), nil
}

func wantTree(t *testing.T, tool action.Tool, args string, want lines, in ...lines) {
	t.Helper()
	got, err := run(t, tool, args, in...)
	if err != nil {
		t.Errorf("%s: %v", args, err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", args, diff)
	}
}

func wantError(t *testing.T, tool action.Tool, args, want string, in ...lines) {
	t.Helper()
	if _, err := run(t, tool, args, in...); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", args, err, want)
	}
}

// Splitting an install tree into parts must lose nothing and invent nothing.
func TestSelect(t *testing.T) {
	in := lines{"usr/bin/x": "exec x", "usr/include/x.h": "file h", "usr/lib/x.a": "file a", "usr/lib/x.so": "link x.so.1", "usr/lib/d": "dir", "empty": "dir"}
	wantTree(t, trees.SelectTool(), `{}`, in, in)
	wantTree(t, trees.SelectTool(), `{"include": ["usr/include", "usr/lib/*.a"]}`, lines{"usr/include/x.h": "file h", "usr/lib/x.a": "file a"}, in)
	wantTree(t, trees.SelectTool(), `{"exclude": ["usr/include/**", "**/*.a"]}`,
		lines{"usr/bin/x": "exec x", "usr/lib/x.so": "link x.so.1", "usr/lib/d": "dir", "empty": "dir"}, in)
	wantTree(t, trees.SelectTool(), `{"strip_prefix": "usr/lib", "prefix": "opt/x", "exclude": ["d"]}`,
		lines{"opt/x/x.a": "file a", "opt/x/x.so": "link x.so.1"}, in)
	wantTree(t, trees.SelectTool(), `{"include": ["**/d"]}`, lines{"usr/lib/d": "dir"}, in)
	wantTree(t, trees.SelectTool(), `{"include": ["nothing"]}`, lines{}, in)
}

func TestSelectErrors(t *testing.T) {
	in := lines{"usr/lib/x": "file x"}
	wantError(t, trees.SelectTool(), `{"strip_prefix": "usr/libs"}`, `no directory "usr/libs" in the tree; did you mean "usr/lib"?`, in)
	wantError(t, trees.SelectTool(), `{"strip_prefix": "usr/lib/x"}`, `"usr/lib/x" is a file, want a directory`, in)
	wantError(t, trees.SelectTool(), `{"prefix": "../x"}`, `prefix "../x": want a clean path`, in)
	wantError(t, trees.SelectTool(), `{"include": ["/usr"]}`, `pattern "/usr": want a clean path`, in)
	wantError(t, trees.SelectTool(), `{"exclude": ["{a"]}`, `pattern "{a": malformed`, in)
	wantError(t, trees.SelectTool(), `{}`, `got 2, want one directory`, in, in)
}

// Two packages that claim one path differently must not be laid over one another
// in silence.
func TestMerge(t *testing.T) {
	a := lines{"etc/x": "file a", "etc/d/y": "file a", "usr/a": "file a", "same": "exec s"}
	b := lines{"etc/x": "file b", "etc/d/y": "file b", "usr/b": "file b", "same": "exec s"}
	wantError(t, trees.MergeTool(), `{}`, `path "etc/d/y": file of //a and file of //b differ; exclude one of them, or put "etc/d/y" into replace`, a, b)
	both := lines{"etc/x": "file b", "etc/d/y": "file b", "usr/a": "file a", "usr/b": "file b", "same": "exec s"}
	wantTree(t, trees.MergeTool(), `{"replace": ["etc"]}`, both, a, b)
	wantTree(t, trees.MergeTool(), `{"replace": ["**"]}`, both, a, b)
	wantTree(t, trees.MergeTool(), `{"replace": ["etc/x", "etc/d/*"]}`, both, a, b)
	wantTree(t, trees.MergeTool(), `{"exclude": ["etc"], "links": {"/usr/c": "a", "etc/s": "/x"}, "empty_dirs": ["/tmp", "usr"], "prefix": "p/q"}`,
		lines{"p/q/usr/a": "file a", "p/q/usr/b": "file b", "p/q/same": "exec s", "p/q/usr/c": "link a", "p/q/etc/s": "link /x", "p/q/tmp": "dir"}, a, b)
	wantTree(t, trees.MergeTool(), `{}`, lines{})
	wantTree(t, trees.MergeTool(), `{"replace": ["x"]}`, lines{"x": "file 1"}, lines{"x/y": "file 2", "x/z": "dir"}, lines{"x": "file 1"})
	wantTree(t, trees.MergeTool(), `{"replace": ["x/**"]}`, lines{"x/y": "file 2"}, lines{"x": "file 1"}, lines{"x/y": "file 2"})
}

func TestMergeErrors(t *testing.T) {
	a := lines{"usr/a": "file a"}
	wantError(t, trees.MergeTool(), `{"links": {"usr/a": "b"}}`, `path "usr/a": file of //a and symbolic link of the declared links differ`, a)
	wantError(t, trees.MergeTool(), `{"empty_dirs": ["usr/a"]}`, `path "usr/a": file of //a and directory of the declared empty directories differ`, a)
	wantError(t, trees.MergeTool(), `{"links": {"//usr": "b"}}`, `links: path "/usr": want a clean path`, a)
	wantError(t, trees.MergeTool(), `{"links": {"x": ""}}`, `target "" is empty`, a)
	wantError(t, trees.MergeTool(), `{"replace": ["["]}`, `replace: pattern "[": malformed`, a)
	wantError(t, trees.MergeTool(), `{"strip_prefix": "lib"}`, `//a: strip_prefix: no directory "lib"`, a)
	wantError(t, trees.MergeTool(), `{"usr_merge": true}`, `top-level "bin" is a file`, lines{"bin": "file x"})
	wantError(t, trees.MergeTool(), `{"usr_merge": true}`, `path "usr/bin/x": `, lines{"bin/x": "file 1"}, lines{"usr/bin/x": "file 2"})
}

// A sysroot that is unpacked anywhere must not link to the files of the machine
// that it is unpacked on.
func TestRelativeLinks(t *testing.T) {
	wantTree(t, trees.MergeTool(), `{"relative_links": true, "strip_prefix": "opt", "links": {"etc/s": "/x"}, "prefix": "p/q"}`,
		lines{
			"p/q/top": "link lib/a", "p/q/self": "link .", "p/q/lib/a": "link ../usr/lib/libc.so", "p/q/lib/b": "link a",
			"p/q/usr/lib/up": "link ../../lib", "p/q/usr/lib/root": "link ../..", "p/q/usr/lib/out": "link ../../x",
			"p/q/usr/lib/libc.so": "file c", "p/q/usr/lib/kept": "link ../x//y", "p/q/etc/s": "link /x",
		},
		lines{
			"opt/top": "link /lib/a", "opt/self": "link /", "opt/lib/a": "link //usr/lib//libc.so", "opt/lib/b": "link a",
			"opt/usr/lib/up": "link /lib/", "opt/usr/lib/root": "link /", "opt/usr/lib/out": "link /../../x",
			"opt/usr/lib/libc.so": "file c", "opt/usr/lib/kept": "link ../x//y",
		})
	// Two packages that name one file in two ways agree.
	wantTree(t, trees.MergeTool(), `{"relative_links": true}`, lines{"lib/a": "link ../x"}, lines{"lib/a": "link /x"}, lines{"lib/a": "link ../x"})
}

// A tool root of packages from before and after Debian's merge of /usr must work
// as if dpkg had unpacked them: every link leads where it led.
func TestUsrMerge(t *testing.T) {
	wantTree(t, trees.MergeTool(), `{"usr_merge": true, "links": {"bin/sh": "dash", "/usr/bin/awk": "mawk"}, "empty_dirs": ["lib64"]}`,
		lines{
			"bin": "link usr/bin", "lib": "link usr/lib", "lib64": "link usr/lib64", "usr/lib64": "dir",
			"usr/bin/sh": "link dash", "usr/bin/dash": "exec dash", "usr/bin/mawk": "exec mawk", "usr/bin/awk": "link mawk",
			"usr/lib/t/x.so":   "link x.so.1",
			"usr/lib/t/x.so.1": "link ../../../etc/x",
			"usr/lib/t/y":      "link ../z",
			"usr/lib/u":        "link ../../usr/bin/mawk",
			"usr/lib/abs":      "link /etc/x",
			"usr/lib/dev.so":   "link ../../lib/t/x.so",
			"etc/x":            "file x",
			"libexec/a":        "link ../etc/x",
		},
		lines{"bin/dash": "exec dash", "bin/mawk": "link /usr/bin/mawk", "lib/t/x.so": "link x.so.1", "lib/t/x.so.1": "link ../../etc/x", "lib/t/y": "link ../z", "lib/u": "link ../usr/bin/mawk", "lib/abs": "link /etc/x"},
		lines{"usr/bin/mawk": "exec mawk", "usr/bin/dash": "link ../../bin/dash", "etc/x": "file x", "bin": "link usr/bin", "lib": "link /usr/lib", "usr/lib/dev.so": "link ../../lib/t/x.so", "libexec/a": "link ../etc/x"})
	wantTree(t, trees.MergeTool(), `{"usr_merge": true}`, lines{"etc/x": "file x"}, lines{"etc/x": "file x"})
}

// counting counts how often each directory is read.
type counting struct {
	tree.Memory
	read int
}

func (c *counting) Directory(ctx context.Context, d digest.Digest) (*tree.Directory, error) {
	c.read++
	return c.Memory.Directory(ctx, d)
}

// Composing a big tree with a small one must not read the big one.
func TestMergeKeepsDigests(t *testing.T) {
	ctx, store := context.Background(), &counting{}
	big := tree.NewBuilder(store)
	for _, p := range []string{"usr/share/a/1", "usr/share/b/2", "usr/share/c/3"} {
		if err := big.Add(ctx, p, tree.NewFile(digest.Empty, false), "big"); err != nil {
			t.Fatal(err)
		}
	}
	root, err := big.Build(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	store.read = 0
	merged, err := trees.Merge(ctx, store, []trees.Origin{{Name: "big", Root: root}}, trees.Plan{Links: map[string]string{"etc/x": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	if store.read > 1 {
		t.Errorf("read %d directories, want only the root", store.read)
	}
	before, _, _ := tree.Lookup(ctx, store, root, "usr")
	after, _, _ := tree.Lookup(ctx, store, merged, "usr")
	if before != after {
		t.Errorf("usr: got %v, want %v", after, before)
	}
}

// Any patterns on any path: what a selection has is never excluded, and a path
// below an excluded one is excluded.
func FuzzSelection(f *testing.F) {
	f.Add("usr/**", "**/*.a", "usr/lib/x.a")
	f.Add("{a,b}/*", "a/[b-d]?", "a/bc/d")
	f.Fuzz(func(t *testing.T, include, exclude, p string) {
		s, err := trees.NewSelection([]string{include}, []string{exclude})
		if err != nil {
			return
		}
		if s.Has(p) && s.Excluded(p) {
			t.Errorf("%q is in the selection and excluded", p)
		}
		if s.Excluded(p) && !s.Excluded(p+"/x") {
			t.Errorf("%q is excluded, but what is below is not", p)
		}
	})
}
