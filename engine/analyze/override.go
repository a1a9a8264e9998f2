package analyze

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
)

// Override changes an attribute of one target for one analysis, as if it stood
// in the file that declares the target. Without an attribute it puts another target,
// a label.Label, in its place.
type Override struct {
	Target label.Label
	Attr   string // "" is the whole target
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

// replacement is what stands in the place of a target, if anything does.
func (o overrides) replacement(at label.Label) (by label.Label, ok bool) {
	changes := o[at][""]
	if len(changes) == 0 {
		return at, false
	}
	by, ok = changes[len(changes)-1].Value.(label.Label)
	return by, ok
}

// checkOverrides finds the target of each override, through aliases, and holds
// it against the schema.
func (a *analysis) checkOverrides(ctx context.Context) error {
	found := overrides{}
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
		if found[t.Label()] == nil {
			found[t.Label()] = map[string][]Override{}
		}
		found[t.Label()][o.Attr] = append(found[t.Label()][o.Attr], o)
	}
	a.overrides = found
	return problems.Err()
}

// tellUnused says which overrides have changed nothing. That is no error: they may
// stand in a file of flags.
func (a *analysis) tellUnused(order []*node) {
	reached := map[label.Label]bool{}
	for _, n := range order {
		reached[n.label] = true
	}
	for _, target := range slices.SortedFunc(maps.Keys(a.overrides), label.Label.Compare) {
		by, replaced := a.overrides.replacement(target)
		if reached[target] || replaced && reached[by] {
			continue
		}
		for _, attr := range slices.Sorted(maps.Keys(a.overrides[target])) {
			for _, o := range a.overrides[target][attr] {
				a.opts.Events.Hear(event.Note{Text: fmt.Sprintf("%s changes nothing: nothing that was asked for needs %s", o.By, target)})
			}
		}
	}
}

// check says what the target's rule has against o.
func (o Override) check(t *load.Target) *diag.Problem {
	if t.IsSource() {
		return o.problem("%s is a %s, which has no attributes", t.Label(), t.Kind())
	}
	if o.Attr == "" {
		return nil
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
