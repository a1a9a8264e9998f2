package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// maxDepth is how deep expressions may be nested.
const maxDepth = 1000

// Query is a parsed query.
type Query struct {
	text string
	root expression
}

// Parse reads a query. An error is a *diag.Problem with the column in question.
//
// All operators have the same precedence and group to the left, as in Bazel.
func Parse(text string) (*Query, error) {
	list, err := tokens(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: list}
	root, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.problem(t, "unexpected %s; want an operator or the end", t)
	}
	return &Query{text, root}, nil
}

// String is the query in a canonical form, which Parse reads back.
func (q *Query) String() string {
	var b strings.Builder
	q.root.print(&b)
	return b.String()
}

type parser struct {
	text   string
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

// next never goes past the end.
func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) problem(t token, format string, args ...any) *diag.Problem {
	return problem(p.text, t.at, format, args...)
}

func (p *parser) want(k kind, text string) error {
	if t := p.next(); t.kind != k || t.text != text {
		return p.problem(t, "got %s, want %q", t, text)
	}
	return nil
}

// expression is a primary and any number of operators with another.
func (p *parser) expression() (expression, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.problem(p.peek(), "nested more than %d deep", maxDepth)
	}
	first, err := p.primary()
	if err != nil {
		return nil, err
	}
	var rest []operand
	for p.peek().kind == operator {
		op := p.next().text
		e, err := p.primary()
		if err != nil {
			return nil, err
		}
		rest = append(rest, operand{op, e})
	}
	if len(rest) == 0 {
		return first, nil
	}
	return &operation{first, rest}, nil
}

func (p *parser) primary() (expression, error) {
	t := p.next()
	switch {
	case t.kind == mark && t.text == "(":
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		return e, p.want(mark, ")")
	case t.kind == keyword && t.text == "let":
		return p.let()
	case t.kind == keyword && t.text == "set":
		return p.set()
	case t.kind == word && !t.quoted && p.peek().kind == mark && p.peek().text == "(":
		return p.call(t)
	case t.kind == word && !t.quoted && t.text[0] == '$':
		return &variable{t.text[1:], t.at}, nil
	case t.kind == word:
		return &pattern{t.text, t.at}, nil
	}
	return nil, p.problem(t, "unexpected %s; want a target, a function or a bracket", t)
}

// let reads what follows the keyword.
func (p *parser) let() (expression, error) {
	name := p.next()
	if name.kind != word || !isName(name.text) {
		return nil, p.problem(name, "got %s, want the name of a variable", name)
	}
	if err := p.want(mark, "="); err != nil {
		return nil, err
	}
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.want(keyword, "in"); err != nil {
		return nil, err
	}
	body, err := p.expression()
	if err != nil {
		return nil, err
	}
	return &let{name.text, value, body}, nil
}

// isName reports whether s is an identifier.
func isName(s string) bool {
	for i, r := range s {
		if r != '_' && !(r >= 'a' && r <= 'z') && !(r >= 'A' && r <= 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// set reads what follows the keyword: words in brackets.
func (p *parser) set() (expression, error) {
	if err := p.want(mark, "("); err != nil {
		return nil, err
	}
	var s set
	for p.peek().kind == word {
		t := p.next()
		if !t.quoted && t.text[0] == '$' {
			s = append(s, &variable{t.text[1:], t.at})
			continue
		}
		s = append(s, &pattern{t.text, t.at})
	}
	return &s, p.want(mark, ")")
}

// call reads the arguments of the function that t names.
func (p *parser) call(t token) (expression, error) {
	f, ok := functions[t.text]
	if !ok {
		err := p.problem(t, "unknown function %q", t.text)
		if near := label.Nearest(t.text, functionNames); near != "" {
			err.Hint = fmt.Sprintf("did you mean %s?", functions[near])
		} else {
			err.Hint = "functions are " + strings.Join(functionNames, ", ")
		}
		return nil, err
	}
	p.next() // (
	c := &call{function: f, at: t.at}
	for i, param := range f.params {
		if done := p.peek().kind == mark && p.peek().text == ")"; done && param.optional {
			break
		}
		if i > 0 {
			if t := p.next(); t.kind != mark || t.text != "," {
				return nil, p.problem(t, "got %s, want a comma: %s", t, f)
			}
		}
		arg, err := p.argument(param.kind, f)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	if t := p.next(); t.kind != mark || t.text != ")" {
		return nil, p.problem(t, "got %s, want \")\": %s", t, f)
	}
	return c, nil
}

func (p *parser) argument(k paramKind, f *function) (argument, error) {
	t := p.peek()
	if k == paramExpression {
		if t.kind == mark && t.text == ")" {
			return argument{}, p.problem(t, "too few arguments: %s", f)
		}
		e, err := p.expression()
		return argument{expression: e, at: t.at}, err
	}
	p.next()
	if t.kind != word {
		return argument{}, p.problem(t, "got %s, want %s: %s", t, k, f)
	}
	switch k {
	case paramInt:
		n, err := strconv.Atoi(t.text)
		if err != nil || n < 0 {
			return argument{}, p.problem(t, "got %s, want %s: %s", t, k, f)
		}
		return argument{number: n, at: t.at}, nil
	default: // paramWord, paramRegexp
		return p.word(k, t)
	}
}

// functionNames are in order.
var functionNames = func() []string {
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()
