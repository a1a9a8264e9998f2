package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// fake is a graph: what each target depends on, by label. A name with a dot is a
// source file; a rule has its labels without a colon in the attribute "deps" and
// its size in "size".
type fake map[string][]string

var errNoTarget = errors.New("no such target")

func (g fake) Expand(_ context.Context, word string) ([]label.Label, error) {
	p, err := label.ParsePattern(word, label.Label{})
	if err != nil {
		return nil, err
	}
	var found []label.Label
	for name := range g {
		if l := parse(name); p.Matches(l) {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w", word, errNoTarget)
	}
	return found, nil
}

func (g fake) Deps(_ context.Context, l label.Label) ([]label.Label, error) {
	var list []label.Label
	for _, name := range g[l.String()] {
		list = append(list, parse(name))
	}
	return list, nil
}

func (g fake) Kind(_ context.Context, l label.Label) (string, error) {
	if strings.Contains(l.Name(), ".") {
		return "source file", nil
	}
	return "thing rule", nil
}

func (g fake) Attr(_ context.Context, l label.Label, name string) (string, bool, error) {
	if name != "size" {
		return "", false, nil
	}
	return fmt.Sprint(len(g[l.String()])), true, nil
}

func (g fake) AttrLabels(ctx context.Context, l label.Label, name string) ([]label.Label, error) {
	if name != "deps" {
		return nil, nil
	}
	return g.Deps(ctx, l)
}

func (g fake) BuildFile(_ context.Context, l label.Label) (label.Label, error) {
	return l.Sibling("BUILD")
}

func parse(s string) label.Label {
	l, err := label.Parse(s, label.Label{})
	if err != nil {
		panic(err)
	}
	return l
}

// An image of two packages that share a library, an unused target, and a cycle.
var machine = fake{
	"//m:image":    {"//m:rootfs"},
	"//m:rootfs":   {"//p/a:a", "//p/b:b", "//m:motd.txt"},
	"//m:motd.txt": nil,
	"//p/a:a":      {"//p/lib:z", "//p/a:a.c"},
	"//p/a:a.c":    nil,
	"//p/b:b":      {"//p/lib:z"},
	"//p/lib:z":    nil,
	"//p/lib:old":  nil,
	"//c:x":        {"//c:y"},
	"//c:y":        {"//c:x"},
}

// What a user asks, and the answer in short labels.
func TestEval(t *testing.T) {
	for query, want := range map[string]string{
		"//m:image":                                      "//m:image",
		"//p/a":                                          "//p/a",
		"deps(//p/a)":                                    "//p/a //p/a:a.c //p/lib:z",
		"deps(//m:image, 0)":                             "//m:image",
		"deps(//m:image, 1)":                             "//m:image //m:rootfs",
		"deps(//c:x)":                                    "//c:x //c:y",
		"rdeps(//..., //p/lib:z, 1)":                     "//p/a //p/b //p/lib:z",
		"rdeps(//p/..., //p/lib:z)":                      "//p/a //p/b //p/lib:z",
		"rdeps(//p/a, //p/b)":                            "",
		"rdeps(//c:x, //c:y)":                            "//c:x //c:y",
		"allpaths(//m:image, //p/lib:z)":                 "//m:image //m:rootfs //p/a //p/b //p/lib:z",
		"somepath(//m:image, //p/lib:z)":                 "//m:image //m:rootfs //p/a //p/lib:z",
		"somepath(//p/b, //p/a)":                         "",
		"somepath(//p/b, //p/b)":                         "//p/b",
		"somepath(//m:image, set(//p/lib:z //m:rootfs))": "//m:image //m:rootfs",
		`kind("source", deps(//m:image))`:                "//m:motd.txt //p/a:a.c",
		`filter('lib', //...)`:                           "//p/lib:old //p/lib:z",
		"attr(size, 2, //p/...)":                         "//p/a",
		"attr(colour, '', //p/...)":                      "",
		"labels(deps, //p/b)":                            "//p/lib:z",
		"labels(other, //p/b)":                           "",
		"buildfiles(//p/lib:all + //p/a)":                "//p/a:BUILD //p/lib:BUILD",
		"siblings(//p/lib:z)":                            "//p/lib:old //p/lib:z",
		"some(//p/...)":                                  "//p/a",
		"some(//p/..., 2)":                               "//p/a //p/a:a.c",
		"some(//p/..., 99) ^ //p/b":                      "//p/b",
		"set(//p/b //p/a)":                               "//p/a //p/b",
		"set()":                                          "",
		"//p/a + //p/b - //p/a":                          "//p/b",
		"//p/a union //p/b except //p/b":                 "//p/a",
		"//p/a - //p/a + //p/b":                          "//p/b",
		"//p/a - (//p/a + //p/b)":                        "",
		"//... intersect //p/lib:*":                      "//p/lib:old //p/lib:z",
		"let x = //p/... in $x - deps(//m:image)":        "//p/lib:old",
		"let x = //p/a in (let x = //p/b in $x) + $x":    "//p/a //p/b",
		"let x = //p/a in ($x + //p/b) ^ $x":             "//p/a",
		"let x = //p/a in set($x //p/b)":                 "//p/a //p/b",
		`"//p/a:a.c"`:                                    "//p/a:a.c",
	} {
		q, err := Parse(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		list, err := q.Eval(t.Context(), machine)
		if got := short(list); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", query, got, err, want)
		}
	}
}

func short(list []label.Label) string {
	var names []string
	for _, l := range list {
		names = append(names, l.Short())
	}
	return strings.Join(names, " ")
}

// A wrong query is answered with the column, and with what was probably meant.
func TestErrors(t *testing.T) {
	for query, want := range map[string]string{
		"":                   "query:1:1: unexpected the end of the query; want a target, a function or a bracket",
		"deps(":              "query:1:6: unexpected the end of the query; want a target, a function or a bracket",
		"deps()":             "query:1:6: too few arguments: deps(x, depth?)",
		"deps(//p/a, x)":     "query:1:13: got \"x\", want a whole number: deps(x, depth?)",
		"deps(//p/a, -1)":    "query:1:13: got \"-\", want a whole number: deps(x, depth?)",
		"deps(//p/a, 1, 2)":  "query:1:14: got \",\", want \")\": deps(x, depth?)",
		"kind(//p/a)":        "query:1:11: got \")\", want a comma: kind(regexp, x)",
		"kind('(', //p/a)":   "query:1:6: regular expression \"(\": error parsing regexp: missing closing ): `(`",
		"dep(//p/a)":         "query:1:1: unknown function \"dep\"\n        dep(//p/a)\n        ^\n    hint: did you mean deps(x, depth?)?",
		"//p/a //p/b":        "query:1:7: unexpected \"//p/b\"; want an operator or the end",
		"//p/a +":            "query:1:8: unexpected the end of the query; want a target, a function or a bracket",
		"(//p/a":             "query:1:7: got the end of the query, want \")\"",
		"\"//p/a":            "query:1:1: the quote \" is not closed",
		"//p/a !":            "query:1:7: unexpected '!'; words with other characters than letters, digits and */@.-_:$~[] are quoted",
		"let 1 = //p/a in 2": "query:1:5: got \"1\", want the name of a variable",
		"let x = //p/a":      "query:1:14: got the end of the query, want \"in\"",
		"set(//p/a":          "query:1:10: got the end of the query, want \")\"",
		"//p/a\n  + nope(1)": "query:2:5: unknown function \"nope\"\n        + nope(1)\n          ^\n    hint: functions are allpaths, attr",
	} {
		_, err := Parse(query)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n got %v\nwant %s", query, err, want)
		}
	}
}

// Errors in the answer name the place in the query; the cause stays visible.
func TestEvalErrors(t *testing.T) {
	for query, want := range map[string]string{
		"deps(//p/a + //gone)":       "query:1:14: //gone: no such target\n        deps(//p/a + //gone)\n                     ^",
		"let one = //p/a in $on":     "query:1:20: undefined variable $on\n        let one = //p/a in $on\n                           ^\n    hint: did you mean $one?",
		"some(//p/a - //p/a)":        "query:1:6: some: there are no targets to choose from\n        some(//p/a - //p/a)\n             ^",
		"(let x = //p/a in $x) + $x": "query:1:25: undefined variable $x\n        (let x = //p/a in $x) + $x\n                                ^",
	} {
		q, err := Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = q.Eval(t.Context(), machine)
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", query, err, want)
		}
		if diag.KindOf(err, diag.Bug) != diag.User {
			t.Errorf("%s: not a user's error", query)
		}
	}
	q, _ := Parse("//gone")
	if _, err := q.Eval(t.Context(), machine); !errors.Is(err, errNoTarget) {
		t.Errorf("got %v, want errNoTarget inside", err)
	}
}

// A query that its user interrupts ends, whatever the graph.
func TestEvalIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q, _ := Parse("deps(//m:image)")
	if _, err := q.Eval(ctx, machine); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A chain of 20,000 targets is no deeper for us than one of three.
func TestDeepGraph(t *testing.T) {
	const n = 20_000
	chain := fake{}
	for i := range n {
		chain[fmt.Sprintf("//c:%d", i)] = []string{fmt.Sprintf("//c:%d", i+1)}
	}
	chain[fmt.Sprintf("//c:%d", n)] = nil
	q, _ := Parse(fmt.Sprintf("somepath(//c:0, //c:%d) ^ deps(//c:0)", n))
	list, err := q.Eval(t.Context(), chain)
	if err != nil || len(list) != n+1 {
		t.Fatalf("got %d targets, %v", len(list), err)
	}
	if list, err = ByDeps(t.Context(), chain, list); err != nil || list[0] != parse("//c:0") || list[n] != parse(fmt.Sprintf("//c:%d", n)) {
		t.Fatalf("from %v to %v, %v", list[0], list[len(list)-1], err)
	}
}

func TestNesting(t *testing.T) {
	if _, err := Parse(strings.Repeat("(", 1_000_000)); err == nil || !strings.Contains(err.Error(), "nested more than 1000 deep") {
		t.Error("a deep query is not refused")
	}
	if _, err := Parse(strings.Repeat("//a + ", 20_000) + "//a"); err != nil {
		t.Errorf("a long query is refused: %v", err)
	}
}

func TestWrite(t *testing.T) {
	q, _ := Parse("allpaths(//m:image, //p/b) + //p/a:a.c + //c:x")
	list, err := q.Eval(t.Context(), machine)
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[Format]string{
		Labels:    "//c:x\n//m:image\n//m:rootfs\n//p/a:a.c\n//p/b:b\n",
		LabelKind: "thing rule //c:x\nthing rule //m:image\nthing rule //m:rootfs\nsource file //p/a:a.c\nthing rule //p/b:b\n",
		DOT: `digraph targets {
  node [shape=box];
  "//c:x";
  "//m:image";
  "//m:image" -> "//m:rootfs";
  "//m:rootfs";
  "//m:rootfs" -> "//p/b:b";
  "//p/a:a.c";
  "//p/b:b";
}
`,
	} {
		var b strings.Builder
		if err := Write(t.Context(), &b, machine, list, format); err != nil || b.String() != want {
			t.Errorf("%s: %v\n got %s\nwant %s", format, err, b.String(), want)
		}
	}
	var b strings.Builder
	const want = `[
  {
    "label": "//p/b:b",
    "kind": "thing rule",
    "deps": [
      "//p/lib:z"
    ]
  }
]
`
	if err := Write(t.Context(), &b, machine, []label.Label{parse("//p/b")}, JSON); err != nil || b.String() != want {
		t.Errorf("json: %v\n got %s\nwant %s", err, b.String(), want)
	}
}

// With --order_output=deps nobody reads of a dependency before its user; of a
// cycle, some order that is always the same.
func TestByDeps(t *testing.T) {
	q, _ := Parse("deps(//m:image) + //c:all")
	list, err := q.Eval(t.Context(), machine)
	if err != nil {
		t.Fatal(err)
	}
	ordered, err := ByDeps(t.Context(), machine, list)
	if err != nil {
		t.Fatal(err)
	}
	const want = "//c:y //c:x //m:image //m:rootfs //m:motd.txt //p/a //p/a:a.c //p/b //p/lib:z"
	if got := short(ordered); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	slices.Reverse(list)
	again, err := ByDeps(t.Context(), machine, list)
	if err != nil || !slices.Equal(again, ordered) {
		t.Errorf("the order depends on the order before: %v, %v", again, err)
	}
}

// What is printed reads back as the same query, and nothing panics.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"let x = deps(//a, 3) in $x - kind('a b', \"//b\") ^ set(a \"b+\" $x)",
		"somepath(a, b) union c", "'let' + \"$x\"", "attr(a, '\"', //...)", "((a", "a - -b", "\x00", "deps(x,)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("Parse(%q) = %s, reads back as %v, %v", s, q, again, err)
		}
	})
}
