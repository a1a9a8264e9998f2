package rules_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/workspace"
	"github.com/kittyhawk/appliance/rules"
)

var update = flag.Bool("update", false, "rewrite the golden plans")

// analyzeAll loads and analyses all targets of a workspace that has these rules.
func analyzeAll(ws *workspace.Workspace) (*analyze.Plan, error) {
	return analyzePatterns(ws, label.Label{}, "//...")
}

// analyzePatterns is analyzeAll for what patterns match, for the platform target
// or, if it is zero, the workspace's own.
func analyzePatterns(ws *workspace.Workspace, target label.Label, patterns ...string) (*analyze.Plan, error) {
	here, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	if err := ws.AddLayer(rules.Repo, here); err != nil {
		return nil, err
	}
	var wanted []label.Pattern
	for _, p := range patterns {
		one, err := label.ParsePattern(p, label.Label{})
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, one)
	}
	exec, err := label.Parse(rules.ExecPlatform, label.Label{})
	if err != nil {
		return nil, err
	}
	options := analyze.Options{Tools: map[string]int{}, TargetPlatform: target, ExecPlatform: exec}
	for _, t := range rules.Tools() {
		options.Tools[t.Name] = t.Version
	}
	loader := load.New(ws, event.Discard, load.Options{})
	targets, err := loader.Targets(context.Background(), wanted)
	if err != nil {
		return nil, err
	}
	return analyze.Targets(context.Background(), loader, targets, options)
}

// own are the actions of the workspace itself, without those of @rules.
func own(actions []*action.Action) []*action.Action {
	return slices.DeleteFunc(slices.Clone(actions), func(a *action.Action) bool { return a.Owner().Repo() != "" })
}

// What the rules of each family would do for the workspace in NAME.star is the
// text in NAME.plan. A change of it is a rebuild for every user.
func TestPlans(t *testing.T) {
	plans, err := filepath.Glob("*/testdata/*.plan")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		plans = nil
	}
	for _, file := range starFiles(t) {
		if filepath.Base(file) == "problems.star" {
			continue
		}
		golden := strings.TrimSuffix(file, ".star") + ".plan"
		plans = slices.DeleteFunc(plans, func(p string) bool { return p == golden })
		t.Run(file, func(t *testing.T) {
			plan, err := analyzeAll(loadtest.Read(t, file)[0].Open(t))
			if err != nil {
				t.Fatal(err)
			}
			plan.Actions = own(plan.Actions)
			compare(t, golden, plan)
		})
	}
	for _, p := range plans {
		t.Errorf("%s: nothing makes this plan", p)
	}
}

// What users get wrong is told with the target and the attribute. The lines of
// the file "want" are what each workspace is to be told.
func TestProblems(t *testing.T) {
	for _, file := range starFiles(t) {
		if filepath.Base(file) != "problems.star" {
			continue
		}
		for _, chunk := range loadtest.Read(t, file) {
			t.Run(chunk.Name, func(t *testing.T) {
				_, err := analyzeAll(chunk.Open(t))
				if err == nil {
					t.Fatal("no problem")
				}
				for _, want := range strings.Split(strings.TrimSpace(chunk.Files["want"]), "\n") {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("no problem says %q; they say\n%v", want, err)
					}
				}
			})
		}
	}
}

// Were this to fail, ten appliances would cost ten times the packages, or one machine would get
// the programs of another: what is built from source is built once for a
// platform, however many appliances want it.
func TestPackagesAreSharedByPlatform(t *testing.T) {
	plan, err := analyzeAll(loadtest.Read(t, "appliance/testdata/share.star")[0].Open(t))
	if err != nil {
		t.Fatal(err)
	}
	compilers := map[string][]string{} // that each package is built with
	for _, a := range plan.Actions {
		c, ok := a.Work().(*action.Command)
		if !ok || a.Mnemonic() != "BuildPackage" {
			continue
		}
		for _, v := range c.Environment {
			if v.Name == "AR" {
				compilers[a.Owner().String()] = append(compilers[a.Owner().String()], v.Value)
			}
		}
	}
	want := []string{"aarch64-linux-ar", "powerpc-linux-ar", "x86_64-linux-ar"}
	for _, p := range []string{"//:server", "@rules//library/libevent:libevent", "@rules//library/memcached:memcached", "@rules//library/zlib:zlib"} {
		if got := slices.Sorted(slices.Values(compilers[p])); !slices.Equal(got, want) {
			t.Errorf("%s is built with %q, want %q", p, got, want)
		}
	}
}

// Were this to fail, a platform with other optimisation or hardening would
// build or fetch a toolchain again.
func TestSettingsLeaveToolchainsAlone(t *testing.T) {
	plan, err := analyzeAll(loadtest.Read(t, "toolchain/testdata/settings.star")[0].Open(t))
	if err != nil {
		t.Fatal(err)
	}
	builds, texts := 0, map[string]string{} // of actions, by their first output
	for _, a := range plan.Actions {
		if a.Mnemonic() == "BuildPackage" {
			builds++
		}
		if a.Owner().Repo() != rules.Repo {
			continue
		}
		var b strings.Builder
		if err := analyze.Print(&b, &analyze.Plan{Actions: []*action.Action{a}}); err != nil {
			t.Fatal(err)
		}
		out := a.Outputs()[0].Artifact.Path()
		if text, ok := texts[out]; ok && text != b.String() {
			t.Errorf("%s is made in two ways:%s%s", out, text, b.String())
		}
		texts[out] = b.String()
	}
	if platforms := 5; builds != platforms {
		t.Errorf("got %d builds of the package for %d platforms", builds, platforms)
	}
}

func starFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/testdata/*.star")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workspaces to analyse: %v", err)
	}
	return files
}

func compare(t *testing.T, golden string, plan *analyze.Plan) {
	t.Helper()
	var b strings.Builder
	if err := analyze.Print(&b, plan); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the plan is no longer %s; it is\n%s", golden, b.String())
	}
}
