package star

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/kittyhawk/appliance/engine/label"
)

// Derivable is a macro whose calls are remembered, so that derive can repeat one
// with other arguments, also in another build directory. It is called with named
// arguments only.
type Derivable struct {
	macro  *starlark.Function
	labels [][]string // the arguments that hold labels, each with the fields that lead there
}

var _ starlark.Callable = (*Derivable)(nil)

// makeDerivable is derivable(macro, labels = [...]).
func makeDerivable(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var macro *starlark.Function
	var labels *starlark.List
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "macro", &macro, "labels??", &labels); err != nil {
		return nil, err
	}
	if EnvironmentOf(t).Declare != nil {
		return nil, fmt.Errorf("derivable() is for the top level of a .star file, not while targets are declared")
	}
	d := &Derivable{macro: macro}
	if !d.takes("name") {
		return nil, &ArgumentError{Name: "macro", Text: fmt.Sprintf("derivable: %s has no argument \"name\", which every macro needs", macro.Name())}
	}
	for _, v := range elements(listOrEmpty(labels)) {
		s, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("derivable: labels: got %s, want string", v.Type())
		}
		fields := strings.Split(s, ".")
		if !d.takes(fields[0]) {
			return nil, d.unknown("labels", fields[0])
		}
		d.labels = append(d.labels, fields)
	}
	return d, nil
}

func (d *Derivable) String() string       { return "<macro " + d.Name() + ">" }
func (d *Derivable) Type() string         { return "macro" }
func (d *Derivable) Freeze()              {}
func (d *Derivable) Truth() starlark.Bool { return true }

// Hash is that of the macro.
func (d *Derivable) Hash() (uint32, error) { return d.macro.Hash() }

// Name is that of the macro.
func (d *Derivable) Name() string { return d.macro.Name() }

// CallInternal remembers the arguments and calls the macro.
func (d *Derivable) CallInternal(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("%s: got a positional argument, want only named ones", d.Name())
	}
	if declare := EnvironmentOf(t).Declare; declare != nil {
		declare.Called(d, kwargs)
	}
	return starlark.Call(t, d.macro, nil, kwargs)
}

// Arguments are the names of the arguments, in order.
func (d *Derivable) Arguments() []string {
	n := d.macro.NumParams()
	if d.macro.HasKwargs() {
		n--
	}
	if d.macro.HasVarargs() {
		n--
	}
	names := make([]string, n)
	for i := range names {
		names[i], _ = d.macro.Param(i)
	}
	return names
}

func (d *Derivable) takes(name string) bool {
	return d.macro.HasKwargs() || slices.Contains(d.Arguments(), name)
}

// Check refuses an argument that the macro does not take.
func (d *Derivable) Check(name string) error {
	if d.takes(name) {
		return nil
	}
	return d.unknown(name, name)
}

func (d *Derivable) unknown(argument, name string) *ArgumentError {
	return &ArgumentError{
		Name:  argument,
		Text:  fmt.Sprintf("%s has no argument %q", d.Name(), name),
		Hint:  DidYouMean(label.Nearest(name, d.Arguments())),
		Notes: []string{fmt.Sprintf("%s is defined at %s", d.Name(), Position(d.macro.Position()))},
	}
}

// Default is the value of an argument that a call does not give; nil if every
// call must.
func (d *Derivable) Default(name string) starlark.Value {
	i := slices.Index(d.Arguments(), name)
	if i < 0 {
		return nil
	}
	return d.macro.ParamDefault(i)
}

// Keep is a frozen copy of an argument that means the same in every build
// directory: labels in it are Labels, as base makes them. A text that is no label
// stays what it is, and the rule that gets it complains. visit is called for each
// Label.
func (d *Derivable) Keep(name string, v starlark.Value, base label.Label, visit func(label.Label)) starlark.Value {
	k := keeper{base: base, visit: visit}
	for _, fields := range d.labels {
		if fields[0] == name {
			k.labels = append(k.labels, fields[1:])
		}
	}
	kept := k.keep(v)
	kept.Freeze()
	return kept
}

// keeper copies values.
type keeper struct {
	base   label.Label
	visit  func(label.Label)
	labels [][]string // the fields that lead to labels from here; an empty one: these are labels
}

func (k keeper) keep(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.String:
		return k.text(v)
	case Label:
		k.visit(v.Label)
	case *starlark.List:
		return starlark.NewList(k.all(elements(v)))
	case starlark.Tuple:
		return starlark.Tuple(k.all(v))
	case *starlark.Dict:
		return k.dict(v)
	case *starlarkstruct.Struct:
		return k.fields(v)
	case *Select:
		return &Select{k.all(v.parts)}
	case *Branches:
		return k.branches(v)
	}
	return v
}

func (k keeper) text(s starlark.String) starlark.Value {
	if !slices.ContainsFunc(k.labels, func(fields []string) bool { return len(fields) == 0 }) {
		return s
	}
	l, err := label.Parse(string(s), k.base)
	if err != nil {
		return s
	}
	k.visit(l)
	return Label{l}
}

func (k keeper) all(vs []starlark.Value) []starlark.Value {
	out := make([]starlark.Value, len(vs))
	for i, v := range vs {
		out[i] = k.keep(v)
	}
	return out
}

// dict copies a dict. Labels are its values: no macro has them as keys.
func (k keeper) dict(in *starlark.Dict) starlark.Value {
	out := starlark.NewDict(in.Len())
	for key, value := range starlark.Entries(in) {
		mustSet(out, key, k.keep(value))
	}
	return out
}

func (k keeper) fields(in *starlarkstruct.Struct) starlark.Value {
	values := starlark.StringDict{}
	in.ToStringDict(values)
	for name, v := range values {
		values[name] = k.below(name).keep(v)
	}
	return starlarkstruct.FromStringDict(in.Constructor(), values)
}

// below is the keeper of a field.
func (k keeper) below(field string) keeper {
	inner := keeper{base: k.base, visit: k.visit}
	for _, fields := range k.labels {
		if len(fields) > 0 && fields[0] == field {
			inner.labels = append(inner.labels, fields[1:])
		}
	}
	return inner
}

// branches makes the conditions Labels, whatever the values are.
func (k keeper) branches(b *Branches) starlark.Value {
	if b.raw == nil {
		return b
	}
	raw := starlark.NewDict(b.raw.Len())
	for condition, value := range starlark.Entries(b.raw) {
		if s, ok := condition.(starlark.String); ok && string(s) != Default.String() {
			condition = keeper{k.base, k.visit, [][]string{{}}}.text(s)
		}
		mustSet(raw, condition, k.keep(value))
	}
	raw.Freeze()
	return &Branches{raw: raw, noMatch: b.noMatch, Defined: b.Defined}
}

// mustSet enters a key that was one of a dict before.
func mustSet(d *starlark.Dict, key, value starlark.Value) {
	if err := d.SetKey(key, value); err != nil {
		panic("bug: " + err.Error())
	}
}
