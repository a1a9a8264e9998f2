package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// Default is the condition that holds when no other does.
var Default = mustParse("//conditions:default")

func mustParse(s string) label.Label {
	l, err := label.Parse(s, label.Label{})
	if err != nil {
		panic("bug: " + err.Error())
	}
	return l
}

// Select is a value that depends on the configuration: the sum of plain values
// and Branches. It is immutable.
type Select struct {
	parts []starlark.Value
}

// Branches is one select(): a value for each condition.
type Branches struct {
	raw     *starlark.Dict // as it was written; nil once list is known
	list    []Branch
	noMatch string
	Defined diag.Position
}

// Branch is the value under one condition.
type Branch struct {
	Condition label.Label
	Value     starlark.Value
}

// List are the branches in the order they were written.
func (b *Branches) List() []Branch { return b.list }

// NoMatch is what to tell the user when no condition holds; may be "".
func (b *Branches) NoMatch() string { return b.noMatch }

func (b *Branches) String() string {
	if b.raw != nil {
		return "select(" + b.raw.String() + ")"
	}
	var texts []string
	for _, e := range b.list {
		texts = append(texts, fmt.Sprintf("%q: %s", e.Condition, e.Value))
	}
	return "select({" + strings.Join(texts, ", ") + "})"
}

func (b *Branches) Type() string          { return "select" }
func (b *Branches) Freeze()               {}
func (b *Branches) Truth() starlark.Bool  { return true }
func (b *Branches) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: select") }

var _ starlark.HasBinary = (*Select)(nil)

func makeSelect(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var raw *starlark.Dict
	var noMatch string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &raw, "no_match_error?", &noMatch); err != nil {
		return nil, err
	}
	if raw.Len() == 0 {
		return nil, fmt.Errorf("select: got no conditions, want at least one")
	}
	raw.Freeze()
	return &Select{[]starlark.Value{&Branches{raw: raw, noMatch: noMatch, Defined: CallerPosition(t)}}}, nil
}

func (s *Select) String() string {
	var texts []string
	for _, p := range s.parts {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, " + ")
}

func (s *Select) Type() string          { return "select" }
func (s *Select) Freeze()               {}
func (s *Select) Truth() starlark.Bool  { return true }
func (s *Select) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: select") }

// Binary is s + y and y + s, and | for dicts.
func (s *Select) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if op != syntax.PLUS && op != syntax.PIPE {
		return nil, nil
	}
	other := []starlark.Value{y}
	if t, ok := y.(*Select); ok {
		other = t.parts
	}
	y.Freeze()
	if side == starlark.Left {
		return &Select{append(s.parts[:len(s.parts):len(s.parts)], other...)}, nil
	}
	return &Select{append(other[:len(other):len(other)], s.parts...)}, nil
}

// convert applies f to each value of s and reads the conditions.
func (s *Select) convert(f func(starlark.Value) (starlark.Value, error), base label.Label) (*Select, error) {
	out := &Select{make([]starlark.Value, len(s.parts))}
	for i, p := range s.parts {
		b, ok := p.(*Branches)
		if !ok {
			v, err := f(p)
			if err != nil {
				return nil, err
			}
			out.parts[i] = v
			continue
		}
		converted, err := b.convert(f, base)
		if err != nil {
			return nil, err
		}
		out.parts[i] = converted
	}
	return out, nil
}

func (b *Branches) convert(f func(starlark.Value) (starlark.Value, error), base label.Label) (*Branches, error) {
	out := &Branches{noMatch: b.noMatch, Defined: b.Defined}
	for key, value := range starlark.Entries(b.raw) {
		l, err := ParseLabel(key, base)
		if key == starlark.String(Default.String()) {
			l, err = Default, nil
		}
		if err != nil {
			return nil, fmt.Errorf("select: condition %s: %w", key, err)
		}
		v, err := f(value)
		if err != nil {
			return nil, fmt.Errorf("select: value under %s: %w", key, err)
		}
		out.list = append(out.list, Branch{l, v})
	}
	return out, nil
}

// Resolve is the plain value of v, with choose deciding for each select().
func Resolve(v starlark.Value, choose func(*Branches) (starlark.Value, error)) (starlark.Value, error) {
	s, ok := v.(*Select)
	if !ok {
		return v, nil
	}
	var sum starlark.Value
	for _, p := range s.parts {
		if b, ok := p.(*Branches); ok {
			var err error
			if p, err = choose(b); err != nil {
				return nil, err
			}
		}
		var err error
		if sum, err = add(sum, p); err != nil {
			return nil, err
		}
	}
	sum.Freeze()
	return sum, nil
}

func add(sum, v starlark.Value) (starlark.Value, error) {
	if sum == nil {
		return v, nil
	}
	op := syntax.PLUS
	if _, ok := v.(*starlark.Dict); ok {
		op = syntax.PIPE
	}
	return starlark.Binary(op, sum, v)
}
