package analyze

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/star"
)

// target is a dependency as its dependents see it: the value dep in
// dep[FooInfo]. Two of one node are equal.
type target struct{ node *node }

var (
	_ starlark.Mapping  = target{}
	_ starlark.HasAttrs = target{}
)

func (t target) String() string        { return "<target " + t.node.label.String() + ">" }
func (t target) Type() string          { return "Target" }
func (t target) Freeze()               {}
func (t target) Truth() starlark.Bool  { return true }
func (t target) Hash() (uint32, error) { return starlark.String(t.node.label.String()).Hash() }
func (t target) AttrNames() []string   { return []string{"files", "label"} }

func (t target) Attr(name string) (starlark.Value, error) {
	switch name {
	case "label":
		return star.Label{Label: t.node.label}, nil
	case "files":
		return t.node.result.Provider(star.DefaultInfo).Files(), nil
	}
	return nil, nil
}

// Get finds an Info by its provider.
func (t target) Get(k starlark.Value) (starlark.Value, bool, error) {
	p, ok := k.(*star.Provider)
	if !ok {
		return nil, false, fmt.Errorf("target %s: got %s as an index, want a provider", t.node.label, k.Type())
	}
	if i := t.node.result.Provider(p); i != nil {
		return i, true, nil
	}
	return nil, false, fmt.Errorf("target %s has no %s; it has %s", t.node.label, p.Name(), t.node.result.providerNames())
}

func (c *ConfiguredTarget) providerNames() string {
	var names []string
	for _, i := range c.Providers {
		names = append(names, i.Provider().Name())
	}
	return strings.Join(names, ", ")
}

// files are the artifacts of the target's DefaultInfo.
func (t target) files() []star.File {
	var files []star.File
	for _, v := range t.node.result.Provider(star.DefaultInfo).Files().List() {
		files = append(files, v.(star.File))
	}
	return files
}

// bindTargets replaces the labels in an attribute's value by targets, in the
// order of star.Labels.
func bindTargets(v starlark.Value, next func() target) (starlark.Value, error) {
	switch v := v.(type) {
	case star.Label:
		return next(), nil
	case *starlark.List:
		list := make([]starlark.Value, 0, v.Len())
		for e := range starlark.Elements(v) {
			t, err := bindTargets(e, next)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		}
		return starlark.NewList(list), nil
	case *starlark.Dict:
		dict := starlark.NewDict(v.Len())
		for key, value := range starlark.Entries(v) {
			k, err := bindTargets(key, next)
			if err != nil {
				return nil, err
			}
			if value, err = bindTargets(value, next); err != nil {
				return nil, err
			}
			if _, twice, _ := dict.Get(k); twice {
				return nil, fmt.Errorf("two keys mean %s", k)
			}
			if err := dict.SetKey(k, value); err != nil {
				return nil, err
			}
		}
		return dict, nil
	}
	return v, nil
}

// record is a value with fixed fields, as ctx.attr.
type record struct {
	name   string
	values starlark.StringDict // frozen
}

var _ starlark.HasAttrs = (*record)(nil)

func newRecord(name string, values starlark.StringDict) *record {
	values.Freeze()
	return &record{name, values}
}

func (r *record) String() string        { return "<" + r.name + ">" }
func (r *record) Type() string          { return r.name }
func (r *record) Freeze()               {}
func (r *record) Truth() starlark.Bool  { return true }
func (r *record) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", r.name) }

func (r *record) AttrNames() []string {
	names := r.values.Keys()
	slices.Sort(names)
	return names
}

func (r *record) Attr(name string) (starlark.Value, error) {
	return r.values[name], nil // nil: the interpreter names the nearest field
}
