package analyze

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// machines is a workspace with a target whose program shows its attributes, and
// one that needs it.
var machines = loadtest.Chunk{Name: "machines", Files: map[string]string{
	workspace.BuildFile: `
load("//:defs.star", "machine")

constraint_setting(name = "cpu")
constraint_value(name = "fast", constraint_setting = ":cpu")
platform(name = "p", constraint_values = [":fast"])
workspace(name = "machines", default_platform = ":p")
filegroup(name = "one")
filegroup(name = "two")
machine(name = "m", kernel = ":one", forward = select({":fast": ["1:1"], "//conditions:default": []}))
machine(name = "n", kernel = ":m")
alias(name = "a", actual = ":m")
`,
	"private/APPLIANCE.star": `filegroup(name = "other")`,
	"defs.star": `
def _machine_impl(ctx):
    ctx.actions.executable(argv = [
        str(ctx.attr.kernel.label.name), str(ctx.attr.ram_mib), str(ctx.attr.disk), ctx.attr.cpu,
    ] + ctx.attr.forward, mounts = {})

machine = rule(
    implementation = _machine_impl,
    executable = True,
    attrs = {
        "kernel": attr.label(doc = "d", mandatory = True),
        "forward": attr.string_list(doc = "d"),
        "ram_mib": attr.int(doc = "d", default = 64, values = [64, 128]),
        "cpu": attr.string(doc = "d", default = "x"),
        "disk": attr.bool(doc = "d"),
        "_hidden": attr.string(doc = "d", default = "x"),
    },
)
`}}

func mustLabel(t testing.TB, s string) label.Label {
	t.Helper()
	l, err := label.Parse(s, label.Label{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// machineArgs are the arguments of the programs of targets under overrides.
func machineArgs(t *testing.T, overrides []Override, targets ...string) (map[string]string, error) {
	t.Helper()
	loader := load.New(machines.Open(t), event.Discard, load.Options{})
	var loaded []*load.Target
	for _, name := range targets {
		target, err := loader.Target(ctx, mustLabel(t, name))
		if err != nil {
			t.Fatal(err)
		}
		loaded = append(loaded, target)
	}
	p, err := Targets(ctx, loader, loaded, Options{Overrides: overrides})
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for _, target := range p.Targets {
		args[target.Label.String()] = strings.Join(target.Executable.Work().(*action.Command).Argv, " ")
	}
	return args, nil
}

// For one run a machine has more memory, another kernel, a port more; another
// machine has not.
func TestOverrides(t *testing.T) {
	m := mustLabel(t, "//:a") // through the alias
	overrides := []Override{
		{m, "kernel", mustLabel(t, "//:two"), "--kernel"},
		{m, "ram_mib", 128, "--ram"},
		{m, "disk", true, "--disk"},
		{m, "cpu", "y", "--cpu"},
		{m, "forward", []string{"2:2", "3:3"}, "--forward"},
		{m, "forward", []string{"4:4"}, "--forward"},
	}
	got, err := machineArgs(t, overrides, "//:m", "//:n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "two 128 True y 1:1 2:2 3:3 4:4"; got["//:m"] != want {
		t.Errorf("//:m: got %s, want %s", got["//:m"], want)
	}
	if want := "m 64 False x"; got["//:n"] != want {
		t.Errorf("//:n: got %s, want %s", got["//:n"], want)
	}
}

// One target stands in the place of another for all that need it, also for a person
// who asks for it, and though its directory would not show it to them.
func TestReplacement(t *testing.T) {
	one, other := mustLabel(t, "//:one"), mustLabel(t, "//private:other")
	got, err := machineArgs(t, []Override{{one, "", other, "--replace"}}, "//:m")
	if err != nil {
		t.Fatal(err)
	}
	if want := "other 64 False x 1:1"; got["//:m"] != want {
		t.Errorf("got %s, want %s", got["//:m"], want)
	}
	m, n := mustLabel(t, "//:m"), mustLabel(t, "//:n")
	if got, err = machineArgs(t, []Override{{m, "", n, "--replace"}, {n, "kernel", one, "--kernel"}}, "//:m"); err != nil || got["//:n"] != "one 64 False x" {
		t.Errorf("asked for: got %v, %v", got, err)
	}
	if _, err = machineArgs(t, []Override{{m, "", n, "--replace"}}, "//:m"); err == nil || !strings.Contains(err.Error(), "dependency cycle: //:n -> //:n") {
		t.Errorf("by what needs it: got %v, want a cycle", err)
	}
	_, err = machineArgs(t, []Override{{mustLabel(t, "//:m"), "", mustLabel(t, "//:gone"), "--replace"}}, "//:m")
	if err == nil || !strings.Contains(err.Error(), "//:gone: no such target") {
		t.Errorf("got %v, want that there is no such target", err)
	}
}

// Who changes something that nobody looks at hears of it, and of nothing else.
func TestUnusedOverride(t *testing.T) {
	loader := load.New(machines.Open(t), event.Discard, load.Options{})
	target, err := loader.Target(ctx, mustLabel(t, "//:m"))
	if err != nil {
		t.Fatal(err)
	}
	var notes noteList
	overrides := []Override{
		{mustLabel(t, "//:n"), "ram_mib", 128, "--ram"},
		{mustLabel(t, "//:m"), "ram_mib", 128, "--ram"},
		{mustLabel(t, "//:one"), "", mustLabel(t, "//:two"), "--replace"},
	}
	if _, err := Targets(ctx, loader, []*load.Target{target}, Options{Overrides: overrides, Events: &notes}); err != nil {
		t.Fatal(err)
	}
	if want := "--ram changes nothing: nothing that was asked for needs //:n"; len(notes) != 1 || notes[0] != want {
		t.Errorf("heard %q, want %q", notes, want)
	}
}

type noteList []string

func (l *noteList) Hear(e event.Event) {
	if n, ok := e.(event.Note); ok {
		*l = append(*l, n.Text)
	}
}

// An override that does not fit says which flag it was, and what it does not fit.
func TestBadOverrides(t *testing.T) {
	m := mustLabel(t, "//:m")
	tests := []struct {
		override Override
		want     string
	}{
		{Override{m, "rom", 1, "--rom"}, "--rom: //:m, a machine, has no attribute \"rom\"\n    note: machine is defined at defs.star:7:15"},
		{Override{m, "_hidden", "y", "--hidden"}, `--hidden: //:m, a machine, has no attribute "_hidden"`},
		{Override{m, "tags", []string{"y"}, "--tags"}, `--tags: //:m, a machine, has no attribute "tags"`},
		{Override{m, "ram_mib", true, "--ram"}, `--ram: attribute "ram_mib" of //:m, a machine, is of the kind int and cannot be true`},
		{Override{m, "ram_mib", 100, "--ram"}, `--ram: attribute "ram_mib" of //:m: got 100, want one of 64, 128`},
		{Override{mustLabel(t, "//:defs.star"), "x", 1, "--x"}, `--x: //:defs.star is a source file, which has no attributes`},
	}
	for _, test := range tests {
		t.Run(test.override.Attr, func(t *testing.T) {
			_, err := machineArgs(t, []Override{test.override}, "//:m")
			if !errors.Is(err, ErrOverride) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
	unknown := Override{m, "kernel", mustLabel(t, "//:three"), "--kernel"}
	if _, err := machineArgs(t, []Override{unknown}, "//:m"); err == nil || !slices.Contains(strings.Fields(err.Error()), "//:three:") {
		t.Errorf("got %v, want that //:three is missing", err)
	}
}
