package analyze

import (
	"context"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// resolve gives all attributes of t their values in a configuration.
func (a *analysis) resolve(ctx context.Context, t *load.Target, config platform.Configuration) (starlark.StringDict, diag.List) {
	values := make(starlark.StringDict, len(t.Attributes()))
	var problems diag.List
	for _, name := range t.Attributes() {
		v, err := a.choose(ctx, t, name, config)
		problems.Add(err)
		values[name] = v
	}
	return values, problems
}

// choose is the value of one attribute in a configuration.
func (a *analysis) choose(ctx context.Context, t *load.Target, name string, config platform.Configuration) (starlark.Value, error) {
	v := t.Attribute(name)
	if _, ok := v.(*star.Select); !ok {
		return a.override(t, name, v)
	}
	v, err := star.Resolve(v, func(b *star.Branches) (starlark.Value, error) {
		return a.branch(ctx, t, name, b, config)
	})
	if err == nil {
		err = t.Rule().Attribute(name).Check(v)
	}
	if err == nil {
		return a.override(t, name, v)
	}
	if _, ok := err.(*diag.Problem); ok {
		return nil, err
	}
	return nil, a.problem(t, name, "attribute %q: %s", name, err)
}

// match is a branch whose condition holds.
type match struct {
	star.Branch
	constraints []platform.Constraint
}

// branch chooses the branch whose condition holds; of several, the one that
// demands all that the others demand, as in Bazel.
func (a *analysis) branch(ctx context.Context, t *load.Target, name string, b *star.Branches, config platform.Configuration) (starlark.Value, error) {
	var matches []match
	var otherwise starlark.Value
	for _, branch := range b.List() {
		if branch.Condition == star.Default {
			otherwise = branch.Value
			continue
		}
		constraints, err := a.platforms.condition(ctx, branch.Condition)
		if err != nil {
			return nil, a.blame(t, name, branch.Condition, err)
		}
		p, err := a.platforms.of(ctx, config.Target())
		if err != nil {
			return nil, a.blame(t, name, branch.Condition, err)
		}
		if len(p.Missing(constraints)) == 0 {
			matches = append(matches, match{branch, constraints})
		}
	}
	switch {
	case len(matches) > 0:
		return mostSpecific(matches)
	case otherwise != nil:
		return otherwise, nil
	}
	return nil, noMatch(b, config)
}

func noMatch(b *star.Branches, config platform.Configuration) error {
	if b.NoMatch() != "" {
		return fmt.Errorf("select: %s (on %s)", b.NoMatch(), config)
	}
	var conditions []string
	for _, branch := range b.List() {
		conditions = append(conditions, branch.Condition.String())
	}
	return fmt.Errorf("select: no condition holds on %s: tried %s", config, strings.Join(conditions, ", "))
}

func mostSpecific(matches []match) (starlark.Value, error) {
	for _, m := range matches {
		if m.coversAll(matches) {
			return m.Value, nil
		}
	}
	var conditions []string
	for _, m := range matches {
		conditions = append(conditions, m.Condition.String())
	}
	return nil, fmt.Errorf("select: several conditions hold and none is more specific: %s", strings.Join(conditions, ", "))
}

// coversAll reports whether m demands what every other demands, or gives the
// same value.
func (m match) coversAll(others []match) bool {
	demands := map[label.Label]bool{}
	for _, c := range m.constraints {
		demands[c.Value] = true
	}
	for _, o := range others {
		if same, err := starlark.Equal(m.Value, o.Value); err == nil && same {
			continue
		}
		if len(o.constraints) >= len(m.constraints) {
			return false
		}
		for _, c := range o.constraints {
			if !demands[c.Value] {
				return false
			}
		}
	}
	return true
}
