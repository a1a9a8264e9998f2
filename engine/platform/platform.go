package platform

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kittyhawk/appliance/engine/label"
)

// Constraint is one value on one axis.
type Constraint struct {
	Setting label.Label // the axis: //platform:cpu
	Value   label.Label // //platform:ppc440
	Default bool        // platforms that say nothing about Setting have Value
}

// Platform is a named set of constraint values, at most one for a setting. It
// is immutable.
type Platform struct {
	label  label.Label
	values map[label.Label]Constraint // by setting
}

// New is a platform that has the values of parent, which may be nil, overridden
// by values. Two values for one setting are an error.
func New(l label.Label, parent *Platform, values []Constraint) (*Platform, error) {
	p := &Platform{l, make(map[label.Label]Constraint, len(values))}
	for _, c := range values {
		if other, ok := p.values[c.Setting]; ok {
			return nil, fmt.Errorf("%s and %s are both values of %s", other.Value, c.Value, c.Setting)
		}
		p.values[c.Setting] = c
	}
	if parent == nil {
		return p, nil
	}
	for setting, c := range parent.values {
		if _, ok := p.values[setting]; !ok {
			p.values[setting] = c
		}
	}
	return p, nil
}

// Label names the platform.
func (p *Platform) Label() label.Label { return p.label }

// Has reports whether c holds on p.
func (p *Platform) Has(c Constraint) bool {
	if v, ok := p.values[c.Setting]; ok {
		return v.Value == c.Value
	}
	return c.Default
}

// Missing are those of the constraints that do not hold on p, in order.
func (p *Platform) Missing(constraints []Constraint) []Constraint {
	return slices.DeleteFunc(slices.Clone(constraints), p.Has)
}

// Values are the constraint values of p, sorted.
func (p *Platform) Values() []label.Label {
	values := make([]label.Label, 0, len(p.values))
	for c := range maps.Values(p.values) {
		values = append(values, c.Value)
	}
	slices.SortFunc(values, label.Label.Compare)
	return values
}
