package analyze

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// platforms reads the declarations of platforms and constraints. They have no
// configuration, so they are read before anything is analysed.
type platforms struct {
	loader *load.Loader

	mu    sync.Mutex
	known map[label.Label]*platform.Platform
}

// declaration finds a target of one of the builtin rules, through aliases.
func (p *platforms) declaration(ctx context.Context, at label.Label, rules ...string) (*load.Target, error) {
	var seen []string
	for {
		t, err := p.loader.Target(ctx, at)
		if err != nil {
			return nil, err
		}
		seen = append(seen, at.String())
		if is(t, rules...) {
			return t, nil
		}
		next, ok := t.Attribute("actual").(star.Label)
		if !is(t, star.Alias) || !ok || slices.Contains(seen, next.String()) {
			return nil, diag.Errorf(diag.Position{}, strings.Join(seen, " -> "), "got a %s, want a %s", t.Kind(), strings.Join(rules, " or "))
		}
		at = next.Label
	}
}

// is reports whether t is of one of the builtin rules of these names.
func is(t *load.Target, rules ...string) bool {
	return !t.IsSource() && t.Rule().Builtin() && slices.Contains(rules, t.Rule().Name())
}

// of is a platform that is known to exist; the zero label is a platform about
// which nothing is known.
func (p *platforms) of(ctx context.Context, at label.Label) (*platform.Platform, error) {
	if at.IsZero() {
		return platform.New(at, nil, nil)
	}
	return p.platform(ctx, at)
}

// platform reads the platform at a label, through aliases.
func (p *platforms) platform(ctx context.Context, at label.Label) (*platform.Platform, error) {
	p.mu.Lock()
	known := p.known[at]
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := p.read(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[at] = made
	return made, nil
}

// read reads a platform and its parents; children are those on the way here.
func (p *platforms) read(ctx context.Context, at label.Label, children []string) (*platform.Platform, error) {
	t, err := p.declaration(ctx, at, star.Platform)
	if err != nil {
		return nil, err
	}
	name := t.Label().String()
	if slices.Contains(children, name) {
		return nil, p.wrong(t, "parents", "dependency cycle: %s", strings.Join(append(children, name), " -> "))
	}
	var parent *platform.Platform
	switch parents := labelsOf(t, "parents"); len(parents) {
	case 0:
	case 1:
		if parent, err = p.read(ctx, parents[0], append(children, name)); err != nil {
			return nil, err
		}
	default:
		return nil, p.wrong(t, "parents", "got %d parents, want at most one", len(parents))
	}
	constraints, err := p.constraints(ctx, labelsOf(t, "constraint_values"))
	if err != nil {
		return nil, err
	}
	made, err := platform.New(t.Label(), parent, constraints)
	if err != nil {
		return nil, p.wrong(t, "constraint_values", "%s", err)
	}
	return made, nil
}

func (p *platforms) wrong(t *load.Target, attr, format string, args ...any) error {
	files := p.loader.Environment().Files
	pos := star.ArgumentPosition(files, t.Position(), attr)
	w := diag.Errorf(pos, subject(t), "%s", fmt.Sprintf(format, args...))
	w.Excerpt = star.Line(files, pos)
	return w
}

func labelsOf(t *load.Target, attr string) []label.Label {
	var labels []label.Label
	star.Labels(t.Attribute(attr), func(l label.Label) { labels = append(labels, l) })
	return labels
}

func (p *platforms) constraints(ctx context.Context, at []label.Label) ([]platform.Constraint, error) {
	constraints := make([]platform.Constraint, 0, len(at))
	for _, l := range at {
		c, err := p.constraint(ctx, l)
		if err != nil {
			return nil, err
		}
		constraints = append(constraints, c)
	}
	return constraints, nil
}

// constraint reads a constraint_value and its constraint_setting.
func (p *platforms) constraint(ctx context.Context, at label.Label) (platform.Constraint, error) {
	value, err := p.declaration(ctx, at, star.ConstraintValue)
	if err != nil {
		return platform.Constraint{}, err
	}
	setting, err := p.declaration(ctx, value.Attribute("constraint_setting").(star.Label).Label, star.ConstraintSetting)
	if err != nil {
		return platform.Constraint{}, err
	}
	c := platform.Constraint{Setting: setting.Label(), Value: value.Label()}
	if d, ok := setting.Attribute("default_constraint_value").(star.Label); ok {
		c.Default = d.Label == value.Label()
	}
	return c, nil
}

// condition is what a condition of select() demands: the constraints of a
// config_setting, or one constraint_value.
func (p *platforms) condition(ctx context.Context, at label.Label) ([]platform.Constraint, error) {
	t, err := p.declaration(ctx, at, star.ConfigSetting, star.ConstraintValue)
	if err != nil {
		return nil, err
	}
	if is(t, star.ConstraintValue) {
		return p.constraints(ctx, []label.Label{t.Label()})
	}
	return p.constraints(ctx, labelsOf(t, "constraint_values"))
}

// constraintOf is the constraint that a value of Starlark means: a dependency
// that is a constraint_value, its ConstraintValueInfo, or a Label.
func constraintOf(v starlark.Value) (label.Label, error) {
	switch v := v.(type) {
	case star.Label:
		return v.Label, nil
	case target:
		return v.node.label, nil
	case *star.Info:
		if l, err := v.Attr("label"); err == nil && v.Provider() == star.ConstraintValueInfo {
			return star.ParseLabel(l, label.Label{})
		}
	}
	return label.Label{}, fmt.Errorf("got %s, want a constraint value", v.Type())
}
