package load_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// What users get wrong when they derive, and the words they are told.
func TestDeriveProblems(t *testing.T) {
	loadtest.Run(t, "testdata/derive.star", func(t *testing.T, ws *workspace.Workspace) error {
		_, err := newLoader(ws).Targets(ctx, patterns(t, "//..."))
		return err
	})
}

// machine is a macro with all that makes deriving hard: labels in lists, in
// structs and in selects, and arguments with defaults.
const machine = `
def person(name, keys):
    return struct(name = name, keys = keys)

def _pick(name, srcs, visibility):
    filegroup(name = name, srcs = srcs, visibility = visibility)

def machine(*, name, parts = [], people = [], words = ["default"], choice = [], visibility = None):
    _pick(name, parts + [k for p in people for k in p.keys] + choice, visibility)
    filegroup(name = name + ".words", tags = words)

machines = derivable(machine, labels = ["parts", "people.keys", "choice"])
`

// describeAll is each target with its dependencies and tags.
func describeAll(t *testing.T, targets []*load.Target) []string {
	t.Helper()
	var all []string
	for _, x := range targets {
		var deps []string
		for _, d := range x.Deps() {
			deps = append(deps, d.String())
		}
		all = append(all, strings.Join(append([]string{x.Label().String() + ":" + star.Text(x.Attribute("tags"))}, deps...), " "))
	}
	return all
}

// A call is repeated with changes: in its own directory, in another one, in
// another workspace, and of a call that was derived itself. Labels mean what they
// meant where they were written.
func TestDerive(t *testing.T) {
	ws := open(t, map[string]string{
		"main/APPLIANCE.star": `
workspace(name = 'main', layers = {'site': '../site'})
load('@site//:defs.star', 'person')
derive(name = 'one', base = '@site//a:base', parts = lambda parts: parts + [':own'])
derive(name = 'two', base = ':one', words = lambda words: words + ['more'], people = [], choice = [])
derive(name = 'three', base = Label('@site//a:base'), parts = ['own'], choice = [], people = lambda old: old + [person('b', ['k'])], visibility = ['//visibility:public'])
filegroup(name = 'own')
`,
		"main/k":              "",
		"site/APPLIANCE.star": "workspace(name = 'site')\n",
		"site/defs.star":      strings.Replace(machine, "machines = ", "m = ", 1) + "\ndef twin(name, base):\n    native.derive(name = name, base = base, words = ['twin'])\n",
		"site/a/APPLIANCE.star": `
load('//:defs.star', 'm', 'person', 'twin')
package(default_visibility = ['//visibility:public'])
parts = ['x']
m(name = 'base', parts = parts, people = [person('a', ['key'])], choice = select({':is': [':y'], '//conditions:default': []}))
parts.append('gone')
twin('twin', 'base')
config_setting(name = 'is')
`,
		"site/a/key": "", "site/a/x": "", "site/a/y": "",
	}, embedded)
	targets, err := newLoader(ws).Targets(ctx, patterns(t, "//...", "@site//a:twin", "@site//a:twin.words", "@site//a:base"))
	if err != nil {
		t.Fatal(err)
	}
	got := describeAll(t, targets)
	want := []string{
		"//:one:[] //:own @site//a:is @site//a:key @site//a:x @site//a:y",
		"//:one.words:[default]",
		"//:own:[]",
		"//:three:[] //:k //:own @site//a:key",
		"//:three.words:[default]",
		"//:two:[] //:own @site//a:x",
		"//:two.words:[default, more]",
		"@site//a:base:[] @site//a:is @site//a:key @site//a:x @site//a:y",
		"@site//a:twin:[] @site//a:is @site//a:key @site//a:x @site//a:y",
		"@site//a:twin.words:[twin]",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	three := targets[slices.IndexFunc(targets, func(x *load.Target) bool { return x.Label().String() == "//:three" })]
	if three.Visibility() != "//visibility:public" || three.Macro() != "machine" || three.Position().Line != 6 {
		t.Errorf("got %s, %s, %s", three.Visibility(), three.Macro(), three.Position())
	}
}

// Who may use a machine may use what it is made of by deriving from it, and no
// other way.
func TestDeriveMayUse(t *testing.T) {
	ws := (&loadtest.Chunk{Files: map[string]string{
		"defs.star":        machine,
		"a/APPLIANCE.star": "load('//:defs.star', 'machines')\nmachines(name = 'base', parts = ['x'], visibility = ['//visibility:public'])\n",
		"a/x":              "", "a/y": "",
		"b/APPLIANCE.star": "derive(name = 'd', base = '//a:base', choice = ['//a:y'])\nderive(name = 'e', base = 'd')\nfilegroup(name = 'f', srcs = ['//a:x'])\n",
	}}).Open(t)
	targets, err := newLoader(ws).Targets(ctx, patterns(t, "//b:d", "//b:e", "//b:f", "//a:x", "//a:y"))
	if err != nil {
		t.Fatal(err)
	}
	x, y := targets[0], targets[1]
	for i, want := range map[int][2]bool{2: {true, false}, 3: {true, false}, 4: {false, false}} {
		if got := [2]bool{targets[i].MayUse(x), targets[i].MayUse(y)}; got != want {
			t.Errorf("%s may use %s, %s: got %v, want %v", targets[i].Label(), x.Label(), y.Label(), got, want)
		}
	}
}
