package patch

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

type lines = map[string]string

// apply runs the tool with patches p1, p2, ….
func apply(args string, in lines, patches ...string) (*treetest.Call, error) {
	call := treetest.New(args)
	call.AddTree("tree", "//:src", in)
	for i, p := range patches {
		call.AddFile("patches", "p"+string(rune('1'+i)), []byte(p))
	}
	return call, Tool().Run(context.Background(), call)
}

func wantTree(t *testing.T, name, args string, in, want lines, patches ...string) *treetest.Call {
	t.Helper()
	call, err := apply(args, in, patches...)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return call
	}
	if diff := cmp.Diff(want, call.Lines("tree")); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
	return call
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString("line ")
		b.WriteByte(byte('a' + i%26))
		b.WriteByte(byte('a' + i/26))
		b.WriteByte('\n')
	}
	return b.String()
}

// The kinds of changes that git and diff write, each on its smallest tree.
func TestKinds(t *testing.T) {
	base := lines{"d/a": "file one\ntwo\n", "d/x": "exec run\n", "l": "link d/a", "keep/b": "file b"}
	with := func(changes lines) lines {
		all := lines{}
		for _, m := range []lines{base, changes} {
			for p, l := range m {
				if all[p] = l; l == "" {
					delete(all, p)
				}
			}
		}
		return all
	}
	for _, test := range []struct {
		name, args string
		changes    lines
		patch      string
	}{
		{"plain", `{}`, lines{"d/a": "file one\nTWO\n"},
			"--- src/d/a\t2020-01-01 00:00:00 +0000\n+++ new/d/a\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"},
		{"strip 0", `{"strip": 0}`, lines{"d/a": "file one\nTWO\n"},
			"--- d/a.orig\n+++ d/a\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"},
		{"strip 2, git", `{"strip": 2}`, lines{"d/a": "file one\nTWO\n"},
			"diff --git a/src/d/a b/src/d/a\nindex 1..2 100644\n--- a/src/d/a\n+++ b/src/d/a\n@@ -2 +2 @@\n-two\n+TWO\n"},
		{"no prefix, git", `{"strip": 0}`, lines{"d/x": "file run\n"},
			"diff --git d/x d/x\nold mode 100755\nnew mode 100644\n"},
		{"new, git", `{}`, lines{"e/n": "exec new"},
			"From: x\n\ndiff --git a/e/n b/e/n\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/e/n\n@@ -0,0 +1 @@\n+new\n\\ No newline at end of file\n-- \n2.39\n"},
		{"new, empty", `{}`, lines{"e/n": "file "},
			"diff --git a/e/n b/e/n\nnew file mode 100644\nindex 0..1\n"},
		{"new, plain", `{}`, lines{"e/n": "file new\n"},
			"--- /dev/null\n+++ b/e/n\n@@ -0,0 +1 @@\n+new\n"},
		{"new, epoch", `{}`, lines{"e/n": "file new\n"},
			"--- a/e/n\t1969-12-31 19:00:00.000000000 -0500\n+++ b/e/n\t2020-01-01 00:00:00.1 +0000\n@@ -0,0 +1 @@\n+new\n"},
		{"deleted, git", `{}`, lines{"keep/b": ""},
			"diff --git a/keep/b b/keep/b\ndeleted file mode 100644\n--- a/keep/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n\\ No newline at end of file\n"},
		{"deleted, epoch", `{}`, lines{"d/a": ""},
			"--- a/d/a\n+++ b/d/a\t1970-01-01 00:00:00.000000000 +0000\n@@ -1,2 +0,0 @@\n-one\n-two\n"},
		{"renamed", `{}`, lines{"d/a": "", "f g": "file one\nthree\n"},
			"diff --git a/d/a b/f g\nsimilarity index 50%\nrename from d/a\nrename to f g\n--- a/d/a\t\n+++ b/f g\t\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"},
		{"copied, mode", `{}`, lines{"d/c": "exec one\ntwo\n"},
			"diff --git a/d/a b/d/c\nold mode 100644\nnew mode 100755\nsimilarity index 100%\ncopy from d/a\ncopy to d/c\n"},
		{"link changed", `{}`, lines{"l": "link d/x"},
			"diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-d/a\n\\ No newline at end of file\n+d/x\n\\ No newline at end of file\n"},
		{"link made", `{}`, lines{"m": "link l"},
			"diff --git a/m b/m\nnew file mode 120000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+l\n\\ No newline at end of file\n"},
		{"quoted", `{}`, lines{"ä": "file x\n"},
			"diff --git \"a/\\303\\244\" \"b/\\303\\244\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/\\303\\244\"\n@@ -0,0 +1 @@\n+x\n"},
		{"mailer's returns", `{}`, lines{"d/a": "file one\nTWO\n"},
			"--- a/d/a\r\n+++ b/d/a\r\n@@ -1,2 +1,2 @@\r\n one\r\n-two\r\n+TWO\r\n"},
		{"binary", `{}`, lines{"bin": "file \x00\x01\x02"},
			"diff --git a/bin b/bin\nnew file mode 100644\nindex 0000000..1\nGIT binary patch\nliteral 3\nKcmZQzWC8#H2LJ>B\n\nliteral 0\nHcmV?d00001\n\n"},
		{"empty patch", `{}`, nil, "\n"},
	} {
		wantTree(t, test.name, test.args, base, with(test.changes), test.patch)
	}
}

// Patches build on one another, and only what they touch is read.
func TestSeries(t *testing.T) {
	base := lines{"a": "file 1\n", "b": "file b", "big/1": "file x", "big/2": "dir"}
	call := wantTree(t, "series", `{}`, base, lines{"c": "file 3\n", "b": "file b", "big/1": "file x", "big/2": "dir"},
		"--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n",
		"diff --git a/a b/c\nrename from a\nrename to c\n--- a/a\n+++ b/c\n@@ -1 +1 @@\n-2\n+3\n")
	if call.Opened != 3 {
		t.Errorf("%d files opened, want a and two patches", call.Opened)
	}
}

// A hunk whose place has moved is found, the log tells, and later hunks start
// from there; unlike context is not good enough unless fuzz allows it.
func TestOffsetAndFuzz(t *testing.T) {
	hunks := "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n line ba\n-line ca\n+line CA\n line da\n@@ -10,2 +10,3 @@\n line ja\n+new\n line ka\n"
	moved := lines{"f": "file top\ntop\n" + numbered(0, 20)}
	call := wantTree(t, "offset", `{}`, moved, lines{"f": "file " + strings.NewReplacer("line ca", "line CA", "line ja\n", "line ja\nnew\n").Replace("top\ntop\n"+numbered(0, 20))}, hunks)
	if log := strings.Join(call.Log, "\n"); log != "applying p1\nf: hunk 1 applies at line 4 (offset 2, fuzz 0)" {
		t.Errorf("log %s", log)
	}
	other := lines{"f": "file " + strings.Replace(numbered(0, 20), "line ba", "other", 1)}
	_, err := apply(`{}`, other, hunks)
	want := `patch p1: line 1: f: hunk 1, "@@ -2,3 +2,3 @@" of line 3, does not apply: line 2 is "other", want "line ba"; with fuzz = 1 it would apply at line 2`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	wantTree(t, "fuzz", `{"fuzz": 1}`, other, lines{"f": "file " + strings.NewReplacer("line ba", "other", "line ca", "line CA", "line ja\n", "line ja\nnew\n").Replace(numbered(0, 20))}, hunks)
}

// Every error names the patch, the file or line, and what is wrong there.
func TestErrors(t *testing.T) {
	base := lines{"a": "file 1\n2\n3\n", "d/b": "file x\r\ny\r\n", "l": "link a"}
	head := "--- a/a\n+++ b/a\n"
	for _, test := range []struct{ patch, want string }{
		{"just words\n", "patch p1: holds no unified diff"},
		{"@@ -1 +1 @@\n-1\n+2\n", `line 1: hunk "@@ -1 +1 @@" belongs to no file`},
		{"*** a/a\n--- b/a\n***************\n*** 1 ****\n", "line 1: is a context diff"},
		{head + "@@ -1,2 +1 @@\n-1\n", `line 4: hunk "@@ -1,2 +1 @@" of line 3 ends early: 1 old and 1 new`},
		{head + "@@ -1,x +1 @@\n-1\n", `line 3: hunk header "@@ -1,x +1 @@": want`},
		{head + "@@ -1 +0,0 @@\n 1\n", "has more lines than it promises"},
		{head + "@@ -1,2 +1,2 @@\n 1\n-9\n+2\n", `a: hunk 1, "@@ -1,2 +1,2 @@" of line 3, does not apply: line 2 is "2", want "9"`},
		{head + "@@ -1,3 +1,3 @@\n 1\n-0\n+2\n 3\n", `line 2 is "2", want "0"; what it would make is there already`},
		{head + "@@ -3,2 +3 @@\n 3\n-4\n", `the file ends after line 3, want "4"`},
		{head + "@@ -3,1 +3 @@\n-3\n\\ No newline at end of file\n+4\n", `line 3 is "3", want "3" without a newline`},
		{"--- a/d/b\n+++ b/d/b\n@@ -1,2 +1 @@\n-x\n y\n", `line 1 is "x\r", want "x"; but for line ends (CR LF or LF) it would apply`},
		{"--- a/b/a\n+++ b/b/a\n@@ -1 +1 @@\n-1\n+2\n", `no file "b/a" in the tree with strip = 1; with strip = 2 it is "a"`},
		{"--- a/z\n+++ b/z\n@@ -1 +1 @@\n-1\n+2\n", `no file "z" in the tree`},
		{"--- z\n+++ z\n@@ -1 +1 @@\n-1\n+2\n", `file "z" has fewer directories than strip = 1 takes off`},
		{"--- a/../z\n+++ b/../z\n@@ -1 +1 @@\n-1\n+2\n", `is not a path in the tree`},
		{"--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+1\n", "a: is to be created, but is there already"},
		{"--- /dev/null\n+++ b/l/z\n@@ -0,0 +1 @@\n+1\n", `"l/z" cannot be made: "l" is a symbolic link`},
		{"--- /dev/null\n+++ b/a/z\n@@ -0,0 +1 @@\n+1\n", `"a/z" cannot be made: "a" is a file`},
		{"--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+1\n", `"d" is a directory`},
		{"--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", "a: is to be deleted, but differs"},
		{"--- a/l\n+++ b/l\n@@ -1 +1 @@\n-a\n+b\n", `l: is a symbolic link to "a"`},
		{"diff --git a/a b/d/b\nrename from a\nrename to d/b\n", "d/b: is to be made of a, but is there already"},
		{"diff --git a/a b/c\nindex 1..2\n--- a/a\n+++ b/c\n@@ -1 +1 @@\n-1\n+2\n", `names "a" and "c" differ, but no line tells a rename`},
		{"diff --git a/a b/a\nnew mode 160000\n", `line 2: mode "160000": want that of a file`},
		{"diff --git a/a b/c\nindex 1..2\n", "no file names in the header of git"},
		{"diff --git a/a b/a\nindex 1..2\nBinary files a/a and b/a differ\n", "line 3: a binary file without its content"},
		{"diff --git a/a b/a\nindex 1..2\nGIT binary patch\nliteral 3\n???\n", "binary change"},
	} {
		_, err := apply(`{}`, base, test.patch)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "patch p1: ") {
			t.Errorf("%q: got %v, want %q", test.patch, err, test.want)
		}
	}
	for args, want := range map[string]string{`{"strip": -1}`: "strip: got -1", `{"fuzz": 101}`: "fuzz: got 101"} {
		if _, err := apply(args, base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A compressed patch is a patch.
func TestCompressed(t *testing.T) {
	c := exec.Command(judge.Tool(t, "gzip"), "-c")
	c.Stdin = strings.NewReader("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n")
	b, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, "gzip", `{}`, lines{"a": "file 1\n"}, lines{"a": "file 2\n"}, string(b))
}

// Whatever bytes come, they make a tree or an error.
func FuzzApply(f *testing.F) {
	f.Add([]byte("--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n"), []byte("1\n2\n"), 1, 0)
	f.Add([]byte("diff --git a/a b/c\nold mode 100644\nnew mode 100755\nrename from a\nrename to c\n"), []byte("1\n2\n"), 1, 2)
	f.Add([]byte("diff --git a/n b/n\nnew file mode 120000\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n"), []byte(""), 1, 2)
	f.Add([]byte("diff --git a/a b/a\nGIT binary patch\nliteral 3\nKcmZQzWC8#H2LJ>B\n\nliteral 0\nHcmV?d00001\n\n"), []byte("x"), 1, 2)
	f.Fuzz(func(t *testing.T, patch, file []byte, strip, fuzz int) {
		call := treetest.New(`{}`)
		root := call.Tree(lines{"a": "file " + string(file), "d/b": "exec b", "l": "link a"})
		p, err := New(context.Background(), Base{root, call.Trees(), call.Open}, Options{Strip: strip, Fuzz: fuzz}, call.Printf)
		if err != nil || p.Apply(patch) != nil {
			return
		}
		w, _ := call.CreateTree("tree")
		if err := p.Write(w); err != nil && !bytes.Contains(patch, []byte("120000")) {
			t.Fatal(err)
		}
	})
}
