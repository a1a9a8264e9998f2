package loadtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// Chunk is one part of a file: a workspace and what is wrong with it.
type Chunk struct {
	Name  string            // the comment in the part's first line
	Files map[string]string // by path
	wants []want
}

// want is an expected failure. The file is "" for one without a position.
type want struct {
	file string
	line int
	text *regexp.Regexp
}

// Run calls check with the workspace of each part of a file. Parts are split by
// lines of "---". In a part, a line "## path" begins a file; what stands before
// the first is the root APPLIANCE.star. A line that ends in
//
//	### "regexp"
//
// must be the position of a problem that matches; "#### "regexp"" alone on a
// line wants a problem without a position. Whatever else is wrong fails the
// test.
func Run(t *testing.T, file string, check func(*testing.T, *workspace.Workspace) error) {
	for _, c := range Read(t, file) {
		t.Run(c.Name, func(t *testing.T) { c.compare(t, check(t, c.Open(t))) })
	}
}

// Read reads the parts of a file.
func Read(t *testing.T, file string) []*Chunk {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var chunks []*Chunk
	for _, part := range strings.Split(string(text), "\n---\n") {
		chunks = append(chunks, parse(t, part))
	}
	return chunks
}

var marker = regexp.MustCompile(`(####?) (".*")\s*$`)

func parse(t *testing.T, part string) *Chunk {
	t.Helper()
	first, _, _ := strings.Cut(strings.TrimLeft(part, "\n"), "\n")
	c := &Chunk{Name: strings.TrimLeft(first, "# "), Files: map[string]string{}}
	name := workspace.BuildFile
	lines := map[string]int{}
	for _, line := range strings.Split(part, "\n") {
		if path, ok := strings.CutPrefix(line, "## "); ok {
			name = path
			c.Files[name] = ""
			continue
		}
		lines[name]++
		c.Files[name] += line + "\n"
		m := marker.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pattern, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatalf("%s: %s: %v", c.Name, line, err)
		}
		w := want{name, lines[name], regexp.MustCompile("(?s)" + pattern)}
		if m[1] == "####" {
			w.file, w.line = "", 0
		}
		c.wants = append(c.wants, w)
	}
	return c
}

// Open writes the files of c and opens the workspace.
func (c *Chunk) Open(t testing.TB) *workspace.Workspace {
	t.Helper()
	root := t.TempDir()
	for name, text := range c.Files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ws, err := workspace.Open(root, workspace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// compare holds the problems in err against what c wants.
func (c *Chunk) compare(t *testing.T, err error) {
	t.Helper()
	wants := slices.Clone(c.wants)
	for _, p := range problems(err) {
		i := slices.IndexFunc(wants, func(w want) bool {
			return w.file == p.Position.File && w.line == p.Position.Line && w.text.MatchString(p.Error())
		})
		if i < 0 {
			t.Errorf("unexpected problem:\n%s", p)
			continue
		}
		wants = slices.Delete(wants, i, i+1)
	}
	for _, w := range wants {
		t.Errorf("%s:%d: want a problem that matches %q", w.file, w.line, w.text)
	}
}

func problems(err error) diag.List {
	var list diag.List
	if errors.As(err, &list) {
		return list
	}
	list.Add(err)
	return list
}

// Tree is the files of a generated workspace of n targets: a chain of build
// directories with ten targets each, all of them of a rule with one action.
func Tree(n int) *Chunk {
	c := &Chunk{Name: "generated", Files: map[string]string{
		workspace.BuildFile: "workspace(name = \"generated\")\n",
		"defs.star": `
FooInfo = provider(fields = ["files"])

def _foo_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name)
    files = depset([out], transitive = [d[FooInfo].files for d in ctx.attr.deps])
    ctx.actions.run(argv = ["/bin/make", ctx.label.name], mounts = {"/": files_of(ctx)}, outputs = {"/out": out})
    return [DefaultInfo(files = depset([out])), FooInfo(files = files)]

def files_of(ctx):
    return depset(ctx.files.srcs, transitive = [d[FooInfo].files for d in ctx.attr.deps])

foo = rule(
    implementation = _foo_impl,
    attrs = {
        "srcs": attr.label_list(doc = "Sources.", allow_files = True),
        "deps": attr.label_list(doc = "Dependencies.", providers = [FooInfo]),
        "opts": attr.string_list(doc = "Options."),
    },
)
`,
	}}
	for d := range n / 10 {
		var b strings.Builder
		b.WriteString("load(\"//:defs.star\", \"foo\")\n\npackage(default_visibility = [\"//visibility:public\"])\n\n")
		for i := range 10 {
			deps := "[]"
			if d > 0 {
				deps = fmt.Sprintf("[\"//d%d:t%d\", \"//d%d:t%d\"]", d-1, i, d/2, (i+3)%10)
			}
			if d == 1 {
				deps = "[\"//d0:t0\"]"
			}
			fmt.Fprintf(&b, "foo(name = \"t%d\", srcs = [\"src.c\"], opts = [\"-O2\", \"-g\"], deps = %s)\n", i, deps)
		}
		c.Files[fmt.Sprintf("d%d/APPLIANCE.star", d)] = b.String()
		c.Files[fmt.Sprintf("d%d/src.c", d)] = fmt.Sprintf("int d%d;\n", d)
	}
	return c
}
