package analyze

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// ruleContext is the value ctx, which an implementation is called with.
type ruleContext struct {
	record
	actions *actions
}

// newContext makes ctx for a node whose dependencies are analysed.
func newContext(a *analysis, n *node) (*ruleContext, error) {
	attr, file, files := starlark.StringDict{}, starlark.StringDict{}, starlark.StringDict{}
	for _, name := range n.target.Attributes() {
		schema := n.target.Rule().Attribute(name)
		if !schema.Depends() {
			attr[name] = n.values[name]
			continue
		}
		deps := n.deps[name]
		var next int
		v, err := bindTargets(n.values[name], func() target {
			next++
			return target{deps[next-1].node}
		})
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		attr[name] = v
		all := filesOf(deps)
		files[name] = starlark.NewList(all)
		if schema.Single() {
			file[name] = starlark.None
			if len(all) == 1 {
				file[name] = all[0]
			}
		}
	}
	act := &actions{analysis: a, node: n}
	return &ruleContext{*newRecord("ctx", starlark.StringDict{
		"actions":                        act,
		"attr":                           newRecord("ctx.attr", attr),
		"file":                           newRecord("ctx.file", file),
		"files":                          newRecord("ctx.files", files),
		"label":                          star.Label{Label: n.label},
		"target_platform_has_constraint": starlark.NewBuiltin("target_platform_has_constraint", hasConstraint(a, n)),
		"toolchains":                     toolchains{n},
	}), act}, nil
}

// filesOf are the files of dependencies, each once.
func filesOf(deps []*dependency) []starlark.Value {
	seen := map[star.File]bool{}
	var all []starlark.Value
	for _, d := range deps {
		for _, f := range (target{d.node}).files() {
			if !seen[f] {
				seen[f] = true
				all = append(all, f)
			}
		}
	}
	return all
}

type builtinFunc = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func hasConstraint(a *analysis, n *node) builtinFunc {
	return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var v starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "constraint_value", &v); err != nil {
			return nil, err
		}
		l, err := constraintOf(v)
		if err != nil {
			return nil, err
		}
		ctx := star.ContextOf(t)
		c, err := a.platforms.constraint(ctx, l)
		if err != nil {
			return nil, err
		}
		p, err := a.platforms.of(ctx, n.config.Target())
		if err != nil {
			return nil, err
		}
		return starlark.Bool(len(p.Missing([]platform.Constraint{c})) == 0), nil
	}
}
