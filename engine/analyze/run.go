package analyze

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
)

// runNode analyses one node. It gives no problems and no result if the node or
// a dependency has none: that one has spoken.
func (a *analysis) runNode(ctx context.Context, n *node) diag.List {
	if !n.runnable() {
		return nil
	}
	if n.target.IsSource() {
		return a.finish(n, []*star.Info{filesInfo([]starlark.Value{star.NewFile(a.source(n.target))}, nil)})
	}
	if problems := a.checkDependencies(n); len(problems) > 0 {
		return problems
	}
	c, err := newContext(a, n)
	if err != nil {
		return diag.List{a.problem(n.target, "", "%s", err)}
	}
	defer c.actions.close()
	infos, err := a.implement(ctx, n, c)
	if err != nil {
		return a.implementationProblems(n.target, err)
	}
	if problems := a.unproduced(n); len(problems) > 0 {
		return problems
	}
	if text := n.misplanned(); text != "" {
		return diag.List{a.problem(n.target, "", "%s", text)}
	}
	return a.finish(n, infos)
}

// runnable reports whether n was understood and all its dependencies have
// results, which those that were not reached and those of a cycle lack.
func (n *node) runnable() bool {
	if len(n.problems) > 0 {
		return false
	}
	return !slices.ContainsFunc(n.edges(), func(d *dependency) bool {
		return d.node == nil || d.node.result == nil
	})
}

// filesInfo is a DefaultInfo.
func filesInfo(direct []starlark.Value, transitive []*star.Depset) *star.Info {
	files, err := star.NewDepset("default", direct, transitive)
	if err != nil {
		panic("bug: files in a depset: " + err.Error())
	}
	info, err := star.DefaultInfo.New(starlark.StringDict{"files": files})
	if err != nil {
		panic("bug: DefaultInfo of files: " + err.Error())
	}
	return info
}

// implement calls the rule's implementation and reads what it returns.
func (a *analysis) implement(ctx context.Context, n *node, c *ruleContext) ([]*star.Info, error) {
	if n.target.Rule().Builtin() {
		return implementBuiltin(n)
	}
	thread, release := star.NewThread(ctx, n.label.String(), a.env)
	defer release()
	v, err := starlark.Call(thread, n.target.Rule().Implementation(), starlark.Tuple{c}, nil)
	if err != nil {
		return nil, err
	}
	return infosOf(v)
}

// infosOf reads None, an Info or a list of them.
func infosOf(v starlark.Value) ([]*star.Info, error) {
	var infos []*star.Info
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case *star.Info:
		return []*star.Info{v}, nil
	case *starlark.List:
		for e := range starlark.Elements(v) {
			i, ok := e.(*star.Info)
			if !ok {
				return nil, fmt.Errorf("the implementation returned a list with a %s in it, want providers only", e.Type())
			}
			infos = append(infos, i)
		}
		return infos, nil
	}
	return nil, fmt.Errorf("the implementation returned a %s, want a list of providers", v.Type())
}

// implementBuiltin is what the engine's own rules give.
func implementBuiltin(n *node) ([]*star.Info, error) {
	self := starlark.StringDict{"label": star.Label{Label: n.label}}
	switch n.target.Rule().Name() {
	case star.Filegroup:
		var sets []*star.Depset
		for _, d := range n.deps["srcs"] {
			sets = append(sets, d.node.result.Provider(star.DefaultInfo).Files())
		}
		return []*star.Info{filesInfo(nil, sets)}, nil
	case star.ConstraintValue:
		info, err := star.ConstraintValueInfo.New(self)
		return []*star.Info{info}, err
	case star.Platform:
		info, err := star.PlatformInfo.New(self)
		return []*star.Info{info}, err
	}
	return nil, nil
}

// implementationProblems are the problems of a call of a rule's function for t.
func (a *analysis) implementationProblems(t *load.Target, err error) diag.List {
	problems := star.Problems(err, a.env.Files, subject(t))
	for _, p := range problems {
		if p.Position.File == "" {
			a.place(t, "", p)
			continue
		}
		p.Subject = t.Label().String()
		// fail() names the label by convention, and so do we.
		p.Text = strings.TrimPrefix(p.Text, p.Subject+": ")
		p.Notes = append(p.Notes, fmt.Sprintf("%s is declared at %s", t.Label(), t.Position()))
	}
	return problems
}

// finish makes the result of a node.
func (a *analysis) finish(n *node, infos []*star.Info) diag.List {
	byProvider := map[*star.Provider]*star.Info{}
	for _, i := range infos {
		if byProvider[i.Provider()] != nil {
			return diag.List{a.problem(n.target, "", "the implementation returned %s twice", i.Provider().Name())}
		}
		byProvider[i.Provider()] = i
	}
	if byProvider[star.DefaultInfo] == nil {
		byProvider[star.DefaultInfo] = filesInfo(nil, nil)
	}
	if !n.target.IsSource() {
		for _, p := range n.target.Rule().Provides() {
			if byProvider[p] == nil {
				return diag.List{a.problem(n.target, "", "rule %s provides %s, but its implementation returned none", n.target.Rule().Name(), p.Name())}
			}
		}
	}
	result := &ConfiguredTarget{Label: n.label, Configuration: n.config, Test: n.test, Executable: n.executable, Providers: slices.Collect(maps.Values(byProvider))}
	slices.SortFunc(result.Providers, func(x, y *star.Info) int { return compareProviders(x.Provider(), y.Provider()) })
	for _, f := range byProvider[star.DefaultInfo].Files().List() {
		file := f.(star.File).Artifact()
		if leftByTest(file) {
			return diag.List{a.problem(n.target, "", "DefaultInfo has the file %s, which a test leaves behind: a build does not make it", file.Path())}
		}
		result.Files = append(result.Files, file)
	}
	n.result = result
	return nil
}

func compareProviders(p, q *star.Provider) int {
	return strings.Compare(p.Name()+"\x00"+p.Defined().String(), q.Name()+"\x00"+q.Defined().String())
}

// checkDependencies holds what the dependencies of n turned out to be against
// what its attributes want.
func (a *analysis) checkDependencies(n *node) diag.List {
	var problems diag.List
	for _, name := range n.target.Attributes() {
		attr := n.target.Rule().Attribute(name)
		for _, d := range n.deps[name] {
			if text := wrong(attr, d.node); text != "" {
				problems = append(problems, a.labelProblem(n.target, name, d.node.label, "attribute %q: %s", name, text))
			}
		}
	}
	return problems
}

// wrong says why a dependency does not do for an attribute; "" if it does.
func wrong(attr *star.Attr, d *node) string {
	if d.target.IsSource() && !attr.Files().Allows(d.label.Name()) {
		return fmt.Sprintf("got the %s %s, want %s", d.target.Kind(), d.label, attr.Files())
	}
	has := func(p *star.Provider) bool { return d.result.Provider(p) != nil }
	if ok, wanted := attr.Accepts(has); !ok && !d.target.IsSource() {
		return fmt.Sprintf("%s has no %s; it has %s", d.label, wanted, d.result.providerNames())
	}
	if files := len(d.result.Files); attr.Single() && files != 1 {
		return fmt.Sprintf("%s has %d files, want exactly one", d.label, files)
	}
	return ""
}

// unproduced are the declared outputs of n that nothing makes.
func (a *analysis) unproduced(n *node) diag.List {
	var problems diag.List
	for _, d := range n.declared {
		if d.artifact.Origin() == action.Derived && d.artifact.Producer() == nil {
			p := a.problem(n.target, "", "no action produces the output %s", d.artifact.Path())
			p.Notes = []string{"it is declared at " + d.position.String()}
			problems = append(problems, p)
		}
	}
	return problems
}
