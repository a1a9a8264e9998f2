package analyze

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/workspace"
)

var update = flag.Bool("update", false, "rewrite the golden plans")

var ctx = context.Background()

var tools = map[string]int{"ext2": 3, "compose": 1}

// plan loads and analyses everything in a workspace.
func plan(ws *workspace.Workspace, patterns ...string) (*Plan, error) {
	var parsed []label.Pattern
	for _, s := range patterns {
		p, err := label.ParsePattern(s, label.Label{})
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, p)
	}
	loader := load.New(ws, event.Discard, load.Options{MaxSteps: 1_000_000})
	targets, err := loader.Targets(ctx, parsed)
	if err != nil {
		return nil, err
	}
	return Targets(ctx, loader, targets, Options{Tools: tools})
}

// What users get wrong in rules and targets, and the words they are told.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".star"), func(t *testing.T) {
			loadtest.Run(t, file, func(t *testing.T, ws *workspace.Workspace) error {
				_, err := plan(ws, "//...")
				return err
			})
		})
	}
}

// The plan of each workspace in testdata/plans is the text beside it.
func TestGoldenPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".star"), func(t *testing.T) {
			chunk := loadtest.Read(t, file)[0]
			p, err := plan(chunk.Open(t), "//...")
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := Print(&b, p); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".star")+".plan", b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// A plan does not depend on how many cores made it.
func TestPlanIsTheSameOnAnyNumberOfCores(t *testing.T) {
	ws := loadtest.Tree(200).Open(t)
	var texts []string
	for _, cores := range []int{1, 2, 8} {
		before := runtime.GOMAXPROCS(cores)
		p, err := plan(ws, "//...")
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, a := range p.Actions {
			b.WriteString(a.Owner().String() + " ")
		}
		if err := Print(&b, p); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b.String())
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Fatal("plans differ")
	}
}

func BenchmarkLoadAndAnalyze1000Targets(b *testing.B) {
	ws := loadtest.Tree(1000).Open(b)
	for b.Loop() {
		if _, err := plan(ws, "//..."); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever rules do, analysis ends, with a plan or with an error.
func FuzzAnalyze(f *testing.F) {
	f.Add("r(name = 'a', deps = ['b'])\nr(name = 'b')", "f = ctx.actions.declare_file(ctx.label.name)\n    ctx.actions.write(output = f, content = 'x')\n    return DefaultInfo(files = depset([f]))")
	f.Add("r(name = 'a', deps = [':a'])", "return ctx.attr.deps[0][DefaultInfo]")
	f.Add("r(name = 'a', deps = select({':c': []}))\nconfig_setting(name = 'c')", "f = ctx.actions.declare_directory('x')\n    ctx.actions.run(argv = ['a'], mounts = {'/': ctx.files.deps}, outputs = {'/x': f})")
	f.Add("platform(name = 'a', parents = [':a'])\nalias(name = 'b', actual = ':a')\nr(name = 'c', deps = [':b'])", "ctx.actions.tool(tool = 'ext2', args = {'a': [1.5, None]}, outputs = {'x': ctx.actions.declare_file('x')})")
	f.Fuzz(func(t *testing.T, targets, implementation string) {
		c := loadtest.Chunk{Name: "fuzz", Files: map[string]string{
			workspace.BuildFile: "load('//:defs.star', 'r')\n" + targets,
			"defs.star":         "def _impl(ctx):\n    " + implementation + "\n\nr = rule(implementation = _impl, attrs = {'deps': attr.label_list(doc = 'd', allow_files = True)})",
		}}
		p, err := plan(c.Open(t), "//...")
		if err != nil {
			return
		}
		if err := Print(&strings.Builder{}, p); err != nil {
			t.Fatal(err)
		}
	})
}
