package star

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// Depset is an ordered, immutable set that shares its parts with others. It
// costs as much as its direct elements, however much it holds.
type Depset struct {
	order      string
	direct     []starlark.Value
	transitive []*Depset // none of them empty
	element    string    // type of the elements, "" when there are none
}

// The orders of https://bazel.build/rules/lib/globals/bzl#depset.
var depsetOrders = []string{"default", "postorder", "preorder", "topological"}

var _ starlark.HasAttrs = (*Depset)(nil)

// NewDepset checks the parts. Elements must be hashable and of one type; the
// transitive sets must have the same order, or "default".
func NewDepset(order string, direct []starlark.Value, transitive []*Depset) (*Depset, error) {
	if !slices.Contains(depsetOrders, order) {
		return nil, fmt.Errorf("depset: order: got %q, want one of %q", order, depsetOrders)
	}
	d := &Depset{order: order, direct: direct}
	for _, v := range direct {
		if _, err := v.Hash(); err != nil {
			return nil, fmt.Errorf("depset: elements must be immutable, got %s", v.Type())
		}
		if err := d.admit(v.Type()); err != nil {
			return nil, err
		}
	}
	for _, t := range transitive {
		if t.order != order && t.order != "default" && order != "default" {
			return nil, fmt.Errorf("depset: order %q is incompatible with order %q", t.order, order)
		}
		if t.element == "" {
			continue
		}
		if err := d.admit(t.element); err != nil {
			return nil, err
		}
		d.transitive = append(d.transitive, t)
	}
	return d, nil
}

func (d *Depset) admit(element string) error {
	if d.element != "" && d.element != element {
		return fmt.Errorf("depset: cannot hold both %s and %s", d.element, element)
	}
	d.element = element
	return nil
}

func makeDepset(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var direct, transitive *starlark.List
	order := "default"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "direct??", &direct, "order?", &order, "transitive??", &transitive); err != nil {
		return nil, err
	}
	var sets []*Depset
	for _, v := range elements(transitive) {
		s, ok := v.(*Depset)
		if !ok {
			return nil, fmt.Errorf("depset: transitive: got %s, want depset", v.Type())
		}
		sets = append(sets, s)
	}
	return NewDepset(order, elements(direct), sets)
}

// elements are those of a list that may be nil.
func elements(l *starlark.List) []starlark.Value {
	if l == nil {
		return nil
	}
	return slices.Collect(starlark.Elements(l))
}

// visit is a place in the walk of a depset.
type visit struct {
	set  *Depset
	next int // how many of the transitive sets were entered
}

// List is all elements in order, each once. The walk keeps its own stack,
// because a chain of depsets may be deeper than Go's.
func (d *Depset) List() []starlark.Value {
	out := newCollector(d.element)
	entered := map[*Depset]bool{d: true}
	pre, backwards := d.order == "preorder", d.order == "topological"
	if pre {
		out.add(d.direct, false)
	}
	for stack := []visit{{set: d}}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		if top.next == len(top.set.transitive) {
			if !pre {
				out.add(top.set.direct, backwards)
			}
			stack = stack[:len(stack)-1]
			continue
		}
		i := top.next
		if backwards {
			i = len(top.set.transitive) - 1 - i
		}
		child := top.set.transitive[i]
		top.next++
		if entered[child] {
			continue
		}
		entered[child] = true
		if pre {
			out.add(child.direct, false)
		}
		stack = append(stack, visit{set: child})
	}
	if backwards {
		slices.Reverse(out.list)
	}
	return out.list
}

// collector is a list of values, each once.
type collector struct {
	fast map[starlark.Value]bool // of values that Go compares as Starlark does
	slow *starlark.Set           // of all others
	list []starlark.Value
}

func newCollector(element string) *collector {
	switch element {
	case "File", "Label", "string":
		return &collector{fast: map[starlark.Value]bool{}}
	}
	return &collector{slow: new(starlark.Set)}
}

func (c *collector) add(values []starlark.Value, backwards bool) {
	for i := range values {
		v := values[i]
		if backwards {
			v = values[len(values)-1-i]
		}
		if !c.seen(v) {
			c.list = append(c.list, v)
		}
	}
}

// seen reports whether v was there before, and that it is from now on.
func (c *collector) seen(v starlark.Value) bool {
	if c.fast != nil {
		before := c.fast[v]
		c.fast[v] = true
		return before
	}
	// NewDepset made sure that elements are hashable.
	before, _ := c.slow.Has(v)
	c.slow.Insert(v)
	return before
}

func (d *Depset) String() string       { return fmt.Sprintf("depset(%s)", starlark.NewList(d.List())) }
func (d *Depset) Type() string         { return "depset" }
func (d *Depset) Freeze()              {}
func (d *Depset) Truth() starlark.Bool { return d.element != "" }
func (d *Depset) Hash() (uint32, error) {
	return 0, fmt.Errorf("unhashable type: depset")
}

func (d *Depset) AttrNames() []string { return []string{"to_list"} }

func (d *Depset) Attr(name string) (starlark.Value, error) {
	if name != "to_list" {
		return nil, nil
	}
	return starlark.NewBuiltin("to_list", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return starlark.NewList(d.List()), starlark.UnpackArgs(b.Name(), args, kwargs)
	}), nil
}
