package analyze

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
)

// defaultTestTimeout is Bazel's for a test of medium size, in seconds.
const defaultTestTimeout = 300

// command is the arguments of a command, before they are checked.
type command struct {
	common
	work                    action.Command
	argv, writable, devices *starlark.List
	mounts, outputs, env    *starlark.Dict
}

// unpack reads the arguments that all commands have, and others of one function:
// pairs as for starlark.UnpackArgs, those that must be given first.
func (c *command) unpack(function string, args starlark.Tuple, kwargs []starlark.Tuple, others ...any) error {
	pairs := slices.Concat([]any{"argv", &c.argv, "mounts", &c.mounts}, others, []any{"env??", &c.env, "dir?", &c.work.Dir, "writable??", &c.writable})
	return starlark.UnpackArgs(function, args, kwargs, pairs...)
}

// finish checks the arguments.
func (c *command) finish(a *actions) (w *action.Command, err error) {
	w = &c.work
	if w.Argv, err = texts("argv", c.argv); err != nil {
		return nil, err
	}
	if w.Writable, err = texts("writable", c.writable); err != nil {
		return nil, err
	}
	slices.Sort(w.Writable)
	if w.Devices, err = texts("devices", c.devices); err != nil {
		return nil, err
	}
	slices.Sort(w.Devices)
	w.Devices = slices.Compact(w.Devices)
	if w.Environment, err = environment(c.env); err != nil {
		return nil, err
	}
	if w.Cores < 0 {
		return nil, fmt.Errorf("cores: got %d, want at least 0", w.Cores)
	}
	inputs, err := namedInputs("mounts", c.mounts)
	if err != nil {
		return nil, err
	}
	for _, in := range inputs {
		w.Mounts = append(w.Mounts, action.Mount{Path: in.Name, Artifacts: in.Artifacts})
	}
	w.Outputs, err = a.outputs(c.outputs)
	return w, err
}

// run is a command of the build.
func (a *actions) run(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := command{common: common{mnemonic: "Run"}}
	err := c.unpack("run", args, kwargs, "outputs", &c.outputs, "mnemonic?", &c.mnemonic, "progress_message?", &c.message,
		"timeout_s?", &c.timeout, "cores?", &c.work.Cores)
	if err != nil {
		return nil, err
	}
	w, err := c.finish(a)
	if err != nil {
		return nil, err
	}
	return a.build(c.common, w)
}

// test is the command of a test rule: its exit code says whether the test passes.
func (a *actions) test(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := command{common: common{mnemonic: "Test", message: "Test " + a.node.label.Short(), timeout: defaultTestTimeout, purpose: action.Test}}
	err := c.unpack("test", args, kwargs, "outputs??", &c.outputs, "timeout_s?", &c.timeout, "cores?", &c.work.Cores,
		"devices??", &c.devices, "mnemonic?", &c.mnemonic, "progress_message?", &c.message)
	if err != nil {
		return nil, err
	}
	if err := a.once("test", a.node.target.Rule().Test(), a.node.test); err != nil {
		return nil, err
	}
	if a.opts.TestTimeout > 0 {
		c.timeout = int(a.opts.TestTimeout.Seconds())
	}
	w, err := c.finish(a)
	if err != nil {
		return nil, err
	}
	a.node.test, err = a.plan(c.common, w)
	return starlark.None, err
}

// executable is the program of an executable rule.
func (a *actions) executable(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := command{common: common{mnemonic: "Run", purpose: action.Launch}}
	var saves *starlark.Dict
	lent := &c.work.Lent
	err := c.unpack("executable", args, kwargs, "devices??", &c.devices, "network?", &lent.Network,
		"terminal?", &lent.Terminal, "user_dir?", &lent.Directory, "saves??", &saves)
	if err != nil {
		return nil, err
	}
	if lent.Saves, err = a.saves(saves); err != nil {
		return nil, err
	}
	if err := a.once("executable", a.node.target.Rule().Executable(), a.node.executable); err != nil {
		return nil, err
	}
	w, err := c.finish(a)
	if err != nil {
		return nil, err
	}
	a.node.executable, err = a.plan(c.common, w)
	return starlark.None, err
}

// saves reads a dict from path to where the file is kept: a source file, or the name
// of a new one in the build directory of the target.
func (a *actions) saves(d *starlark.Dict) ([]action.Save, error) {
	if d == nil {
		return nil, nil
	}
	var saves []action.Save
	for key, value := range starlark.Entries(d) {
		p, ok := starlark.AsString(key)
		if !ok {
			return nil, fmt.Errorf("saves: got %s as a key, want string", key.Type())
		}
		to, err := a.sourceFile(value)
		if err != nil {
			return nil, fmt.Errorf("saves: %q: %w", p, err)
		}
		_, named := value.(starlark.String)
		saves = append(saves, action.Save{Path: p, To: to, New: named})
	}
	slices.SortFunc(saves, func(x, y action.Save) int { return strings.Compare(x.Path, y.Path) })
	return saves, nil
}

func (a *actions) sourceFile(v starlark.Value) (label.Label, error) {
	switch v := v.(type) {
	case starlark.String:
		return a.node.label.Sibling(string(v))
	case star.File:
		if f := v.Artifact(); f.Origin() == action.Source && !f.IsTree() {
			return f.Owner(), nil
		}
		return label.Label{}, fmt.Errorf("%s is no source file", v)
	}
	return label.Label{}, fmt.Errorf("got %s, want a source File or the name of one", v.Type())
}

// once refuses a second action of a kind, and one that the rule is not made for.
func (a *actions) once(kind string, ruleHas bool, before *action.Action) error {
	switch {
	case !ruleHas:
		return &star.ArgumentError{
			Text: fmt.Sprintf("%s: rule %s is no %s rule", kind, a.node.target.Rule().Name(), kind),
			Hint: fmt.Sprintf("make it with rule(%s = True, ...)", kind),
		}
	case before != nil:
		return fmt.Errorf("%s: called twice; a target has one", kind)
	}
	return nil
}

// misplanned says what is wrong with the test, the program and the actions of a node
// as a whole; "" if nothing.
func (n *node) misplanned() string {
	rule := n.target.Rule()
	switch {
	case rule.Test() && n.test == nil:
		return fmt.Sprintf("rule %s has test = True, but its implementation did not call ctx.actions.test", rule.Name())
	case rule.Executable() && n.executable == nil:
		return fmt.Sprintf("rule %s has executable = True, but its implementation did not call ctx.actions.executable", rule.Name())
	}
	for _, a := range append(slices.Clone(n.actions), n.test, n.executable) {
		if a == nil {
			continue
		}
		for _, in := range a.HashedInputs() {
			if leftByTest(in) {
				return fmt.Sprintf("%s needs %s, which a test leaves behind: a build does not make it", a.Mnemonic(), in)
			}
		}
	}
	return ""
}

func leftByTest(f *action.Artifact) bool {
	return f.Producer() != nil && f.Producer().Purpose() == action.Test
}
