package query

import (
	"context"
	"strconv"
	"strings"

	"github.com/kittyhawk/appliance/engine/label"
)

// expression is a part of a query that stands for a set of targets.
type expression interface {
	eval(ctx context.Context, e *evaluation, vars *scope) (targets, error)
	print(b *strings.Builder)
}

// targets is a set.
type targets map[label.Label]struct{}

func (t targets) add(l label.Label) { t[l] = struct{}{} }

func (t targets) has(l label.Label) bool {
	_, ok := t[l]
	return ok
}

// scope is the variables that an expression sees, innermost first.
type scope struct {
	name  string
	value targets
	outer *scope
}

// pattern is a word: one target or many.
type pattern struct {
	text string
	at   int
}

func (p *pattern) eval(ctx context.Context, e *evaluation, _ *scope) (targets, error) {
	list, err := e.graph.Expand(ctx, p.text)
	if err != nil {
		return nil, e.located(ctx, p.at, err)
	}
	found := targets{}
	for _, l := range list {
		found.add(l)
	}
	return found, nil
}

func (p *pattern) print(b *strings.Builder) { b.WriteString(quote(p.text)) }

// quote writes a word so that it is read as one. No word has both sorts of
// quotes, for there are no escapes.
func quote(s string) string {
	t, next, err := nextToken(s, 0)
	switch {
	case err == nil && t.kind == word && !t.quoted && t.text == s && next == len(s) && s[0] != '$':
		return s
	case strings.Contains(s, `"`):
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// variable is $name.
type variable struct {
	name string
	at   int
}

func (v *variable) eval(ctx context.Context, e *evaluation, vars *scope) (targets, error) {
	var known []string
	for s := vars; s != nil; s = s.outer {
		if s.name == v.name {
			return s.value, nil
		}
		known = append(known, s.name)
	}
	p := e.problem(v.at, "undefined variable $%s", v.name)
	if near := label.Nearest(v.name, known); near != "" {
		p.Hint = "did you mean $" + near + "?"
	}
	return nil, p
}

func (v *variable) print(b *strings.Builder) { b.WriteString("$" + v.name) }

// let gives a set a name within an expression.
type let struct {
	name  string
	value expression
	body  expression
}

func (l *let) eval(ctx context.Context, e *evaluation, vars *scope) (targets, error) {
	value, err := l.value.eval(ctx, e, vars)
	if err != nil {
		return nil, err
	}
	return l.body.eval(ctx, e, &scope{l.name, value, vars})
}

func (l *let) print(b *strings.Builder) {
	b.WriteString("(let " + quote(l.name) + " = ")
	l.value.print(b)
	b.WriteString(" in ")
	l.body.print(b)
	b.WriteString(")")
}

// set is set(a b c): the union of its words.
type set []expression

func (s *set) eval(ctx context.Context, e *evaluation, vars *scope) (targets, error) {
	all := targets{}
	for _, word := range *s {
		part, err := word.eval(ctx, e, vars)
		if err != nil {
			return nil, err
		}
		for l := range part {
			all.add(l)
		}
	}
	return all, nil
}

func (s *set) print(b *strings.Builder) {
	b.WriteString("set(")
	for i, word := range *s {
		if i > 0 {
			b.WriteString(" ")
		}
		word.print(b)
	}
	b.WriteString(")")
}

// operation is operators in a row, to be applied from left to right.
type operation struct {
	first expression
	rest  []operand
}

type operand struct {
	operator string // "+", "-" or "^"
	expression
}

func (o *operation) eval(ctx context.Context, e *evaluation, vars *scope) (targets, error) {
	first, err := o.first.eval(ctx, e, vars)
	if err != nil {
		return nil, err
	}
	// A copy: the set may be a variable's.
	result := targets{}
	for l := range first {
		result.add(l)
	}
	for _, next := range o.rest {
		other, err := next.eval(ctx, e, vars)
		if err != nil {
			return nil, err
		}
		result.combine(next.operator, other)
	}
	return result, nil
}

func (t targets) combine(operator string, other targets) {
	switch operator {
	case "+":
		for l := range other {
			t.add(l)
		}
	case "-":
		for l := range other {
			delete(t, l)
		}
	case "^":
		for l := range t {
			if !other.has(l) {
				delete(t, l)
			}
		}
	}
}

func (o *operation) print(b *strings.Builder) {
	b.WriteString("(")
	o.first.print(b)
	for _, next := range o.rest {
		b.WriteString(" " + next.operator + " ")
		next.print(b)
	}
	b.WriteString(")")
}

// call is a function with its arguments.
type call struct {
	function *function
	args     []argument
	at       int
}

func (c *call) eval(ctx context.Context, e *evaluation, vars *scope) (targets, error) {
	args := make([]value, len(c.args))
	for i, a := range c.args {
		args[i].argument = a
		if a.expression == nil {
			continue
		}
		set, err := a.expression.eval(ctx, e, vars)
		if err != nil {
			return nil, err
		}
		args[i].targets = set
	}
	return c.function.eval(ctx, e, args)
}

func (c *call) print(b *strings.Builder) {
	b.WriteString(c.function.name + "(")
	for i, a := range c.args {
		if i > 0 {
			b.WriteString(", ")
		}
		a.print(b, c.function.params[i].kind)
	}
	b.WriteString(")")
}

func (a argument) print(b *strings.Builder, k paramKind) {
	switch k {
	case paramExpression:
		a.expression.print(b)
	case paramInt:
		b.WriteString(strconv.Itoa(a.number))
	default:
		b.WriteString(quote(a.word))
	}
}
