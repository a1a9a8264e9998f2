package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/label"
)

// Kind is the type of an attribute.
type Kind int

const (
	Bool Kind = iota
	Int
	String
	StringList
	IntList
	StringDict
	StringListDict
	LabelKind
	LabelList
	LabelKeyedStringDict
	StringKeyedLabelDict
	kindCount
)

// shape is how the values of a kind are built.
type shape struct {
	name string
	want string // for messages
	key  scalar // of a dict; nil otherwise
	elem scalar // of a list, or of a dict's values
	list bool   // a list of elem, or a dict of lists
}

// scalar converts one element; base is what relative labels are relative to.
type scalar func(v starlark.Value, base label.Label) (starlark.Value, error)

// shapes has a row for each Kind.
var shapes = [kindCount]shape{
	Bool:                 {name: "bool", want: "bool", elem: toBool},
	Int:                  {name: "int", want: "int", elem: toInt},
	String:               {name: "string", want: "string", elem: toString},
	StringList:           {name: "string_list", want: "list of strings", elem: toString, list: true},
	IntList:              {name: "int_list", want: "list of ints", elem: toInt, list: true},
	StringDict:           {name: "string_dict", want: "dict of strings", key: toString, elem: toString},
	StringListDict:       {name: "string_list_dict", want: "dict of lists of strings", key: toString, elem: toString, list: true},
	LabelKind:            {name: "label", want: "label", elem: toLabel},
	LabelList:            {name: "label_list", want: "list of labels", elem: toLabel, list: true},
	LabelKeyedStringDict: {name: "label_keyed_string_dict", want: "dict from label to string", key: toLabel, elem: toString},
	StringKeyedLabelDict: {name: "string_keyed_label_dict", want: "dict from string to label", key: toString, elem: toLabel},
}

// String is the name of the constructor: attr.<name>.
func (k Kind) String() string { return shapes[k].name }

// HoldsLabels reports whether values name dependencies.
func (k Kind) HoldsLabels() bool {
	switch k {
	case LabelKind, LabelList, LabelKeyedStringDict, StringKeyedLabelDict:
		return true
	}
	return false
}

// Collects reports whether values are lists or dicts.
func (k Kind) Collects() bool { return shapes[k].list || shapes[k].key != nil }

// zero is the value of an attribute without a default.
func (k Kind) zero() starlark.Value {
	switch {
	case shapes[k].key != nil:
		return frozen(new(starlark.Dict))
	case shapes[k].list:
		return frozen(new(starlark.List))
	case k == Bool:
		return starlark.False
	case k == Int:
		return starlark.MakeInt(0)
	case k == String:
		return starlark.String("")
	}
	return starlark.None
}

func frozen[V starlark.Value](v V) V {
	v.Freeze()
	return v
}

// convert checks that v is of kind k and gives a frozen copy of it, in which
// labels are Labels.
func (k Kind) convert(v starlark.Value, base label.Label) (starlark.Value, error) {
	s := shapes[k]
	switch {
	case s.key != nil:
		return s.convertDict(v, base)
	case s.list:
		return s.convertList(v, base)
	}
	return s.elem(v, base)
}

func (k Kind) convertAll(vs []starlark.Value, base label.Label) ([]starlark.Value, error) {
	var out []starlark.Value
	for _, v := range vs {
		w, err := k.convert(v, base)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func (s shape) convertList(v starlark.Value, base label.Label) (starlark.Value, error) {
	seq, ok := v.(starlark.Sequence)
	if _, dict := v.(*starlark.Dict); !ok || dict {
		return nil, fmt.Errorf("got %s, want %s", v.Type(), s.want)
	}
	out := make([]starlark.Value, 0, seq.Len())
	labels := map[Label]bool{}
	for e := range starlark.Elements(seq) {
		w, err := s.elem(e, base)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(out), err)
		}
		if l, ok := w.(Label); ok {
			if labels[l] {
				return nil, fmt.Errorf("element %d: %s is in the list already", len(out), l)
			}
			labels[l] = true
		}
		out = append(out, w)
	}
	return frozen(starlark.NewList(out)), nil
}

func (s shape) convertDict(v starlark.Value, base label.Label) (starlark.Value, error) {
	in, ok := v.(*starlark.Dict)
	if !ok {
		return nil, fmt.Errorf("got %s, want %s", v.Type(), s.want)
	}
	out := starlark.NewDict(in.Len())
	for key, value := range starlark.Entries(in) {
		k, err := s.key(key, base)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", key, err)
		}
		if _, twice, _ := out.Get(k); twice {
			return nil, fmt.Errorf("key %s: twice in the dict", k)
		}
		w, err := s.convertValue(value, base)
		if err != nil {
			return nil, fmt.Errorf("value of %s: %w", key, err)
		}
		if err := out.SetKey(k, w); err != nil {
			return nil, err
		}
	}
	return frozen(out), nil
}

func (s shape) convertValue(v starlark.Value, base label.Label) (starlark.Value, error) {
	if s.list {
		return shape{want: "list of strings", elem: s.elem}.convertList(v, base)
	}
	return s.elem(v, base)
}

func toBool(v starlark.Value, _ label.Label) (starlark.Value, error) {
	if _, ok := v.(starlark.Bool); !ok {
		return nil, fmt.Errorf("got %s, want bool", v.Type())
	}
	return v, nil
}

func toInt(v starlark.Value, _ label.Label) (starlark.Value, error) {
	i, ok := v.(starlark.Int)
	if !ok {
		return nil, fmt.Errorf("got %s, want int", v.Type())
	}
	if _, ok := i.Int64(); !ok {
		return nil, fmt.Errorf("got %s, want an int of 64 bits", i)
	}
	return v, nil
}

func toString(v starlark.Value, _ label.Label) (starlark.Value, error) {
	if _, ok := v.(starlark.String); !ok {
		return nil, fmt.Errorf("got %s, want string", v.Type())
	}
	return v, nil
}

func toLabel(v starlark.Value, base label.Label) (starlark.Value, error) {
	l, err := ParseLabel(v, base)
	if err != nil {
		return nil, err
	}
	return Label{l}, nil
}

// Labels calls visit for each label in an attribute's value, in order, with
// those of all branches and conditions of a select.
func Labels(v starlark.Value, visit func(label.Label)) {
	switch v := v.(type) {
	case Label:
		visit(v.Label)
	case *starlark.List:
		for e := range starlark.Elements(v) {
			Labels(e, visit)
		}
	case *starlark.Dict:
		for key, value := range starlark.Entries(v) {
			Labels(key, visit)
			Labels(value, visit)
		}
	case *Select:
		for _, p := range v.parts {
			Labels(p, visit)
		}
	case *Branches:
		for _, b := range v.list {
			if b.Condition != Default {
				visit(b.Condition)
			}
			Labels(b.Value, visit)
		}
	}
}
