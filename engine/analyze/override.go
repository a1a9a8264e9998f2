package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
)

// Override changes an attribute of one target for one analysis, as if it stood
// in the file that declares the target.
type Override struct {
	Target label.Label
	Attr   string
	// Value is a bool, an int, a string, a []string that is appended to the list
	// that is there, or a label.Label.
	Value any
	By    string // who wants it, for messages: "--ram"
}

// ErrOverride is the cause of a problem with an override, which no file is to
// blame for.
var ErrOverride = errors.New("override")

// overrides are those of an analysis by target, then by attribute.
type overrides map[label.Label]map[string][]Override

// checkOverrides finds the target of each override, through aliases, and holds
// it against the schema.
func (a *analysis) checkOverrides(ctx context.Context) error {
	a.overrides = overrides{}
	var problems diag.List
	for _, o := range a.opts.Overrides {
		t, err := a.follow(ctx, nil, "", o.Target, a.config)
		if err != nil {
			return err
		}
		if p := o.check(t); p != nil {
			problems = append(problems, p)
			continue
		}
		if a.overrides[t.Label()] == nil {
			a.overrides[t.Label()] = map[string][]Override{}
		}
		a.overrides[t.Label()][o.Attr] = append(a.overrides[t.Label()][o.Attr], o)
	}
	return problems.Err()
}

// check says what the target's rule has against o.
func (o Override) check(t *load.Target) *diag.Problem {
	if t.IsSource() {
		return o.problem("%s is a %s, which has no attributes", t.Label(), t.Kind())
	}
	attr := t.Rule().Attribute(o.Attr)
	if attr == nil || !attr.Overridable() || strings.HasPrefix(o.Attr, "_") {
		p := o.problem("%s, a %s, has no attribute %q", t.Label(), t.Kind(), o.Attr)
		if !t.Rule().Builtin() {
			p.Notes = []string{fmt.Sprintf("%s is defined at %s", t.Kind(), t.Rule().Defined())}
		}
		return p
	}
	if kind, ok := o.kind(); !ok || kind != attr.Kind() {
		return o.problem("attribute %q of %s, a %s, is of the kind %s and cannot be %v", o.Attr, t.Label(), t.Kind(), attr.Kind(), o.Value)
	}
	return nil
}

func (o Override) problem(format string, args ...any) *diag.Problem {
	p := diag.Errorf(diag.Position{}, o.By, format, args...)
	p.Cause = ErrOverride
	return p
}

// kind is that of the attributes which a value of this type fits.
func (o Override) kind() (k star.Kind, ok bool) {
	switch o.Value.(type) {
	case bool:
		return star.Bool, true
	case int:
		return star.Int, true
	case string:
		return star.String, true
	case []string:
		return star.StringList, true
	case label.Label:
		return star.LabelKind, true
	}
	return 0, false
}

// override gives the value of an attribute that had the value v.
func (a *analysis) override(t *load.Target, name string, v starlark.Value) (starlark.Value, error) {
	changes := a.overrides[t.Label()][name]
	for _, o := range changes {
		v = o.apply(v)
	}
	if len(changes) == 0 {
		return v, nil
	}
	v.Freeze()
	if err := t.Rule().Attribute(name).Check(v); err != nil {
		return nil, changes[len(changes)-1].problem("attribute %q of %s: %s", name, t.Label(), err)
	}
	return v, nil
}

func (o Override) apply(old starlark.Value) starlark.Value {
	switch v := o.Value.(type) {
	case bool:
		return starlark.Bool(v)
	case int:
		return starlark.MakeInt(v)
	case string:
		return starlark.String(v)
	case label.Label:
		return star.Label{Label: v}
	case []string:
		list := slices.Collect(starlark.Elements(old.(*starlark.List)))
		for _, s := range v {
			list = append(list, starlark.String(s))
		}
		return starlark.NewList(list)
	}
	panic(fmt.Sprintf("bug: an override with a %T", o.Value))
}
