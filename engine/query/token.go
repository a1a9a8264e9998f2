package query

import (
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
)

// kind is what a token is.
type kind int

const (
	end      kind = iota // of the query
	word                 // a word, quoted or not
	keyword              // let, in, set
	operator             // +, -, ^ or their names
	mark                 // ( ) , =
)

// token is a piece of a query.
type token struct {
	kind   kind
	text   string // quotes taken off; an operator is always '+', '-' or '^'
	quoted bool
	at     int // offset in the query, in bytes
}

func (t token) String() string {
	if t.kind == end {
		return "the end of the query"
	}
	return `"` + t.text + `"`
}

// operators are the set operators by all their names.
var operators = map[string]string{
	"+": "+", "union": "+",
	"-": "-", "except": "-",
	"^": "^", "intersect": "^",
}

var keywords = map[string]bool{"let": true, "in": true, "set": true}

// wordBytes are, besides letters and digits, what an unquoted word is made of. It
// starts with neither '-' nor '*'.
const wordBytes = "*/@.-_:$~[]"

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(wordBytes, c) >= 0
}

// tokens splits a query. The last token is the end.
func tokens(text string) ([]token, error) {
	var list []token
	for at := 0; ; {
		t, next, err := nextToken(text, at)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if t.kind == end {
			return list, nil
		}
		at = next
	}
}

func nextToken(text string, at int) (t token, next int, err error) {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	if at == len(text) {
		return token{kind: end, at: at}, at, nil
	}
	c := text[at]
	switch {
	case strings.IndexByte("(),=", c) >= 0:
		return token{kind: mark, text: text[at : at+1], at: at}, at + 1, nil
	case strings.IndexByte("+-^", c) >= 0:
		return token{kind: operator, text: text[at : at+1], at: at}, at + 1, nil
	case c == '"' || c == '\'':
		length := strings.IndexByte(text[at+1:], c)
		if length < 0 {
			return token{}, 0, problem(text, at, "the quote %c is not closed", c)
		}
		return token{word, text[at+1 : at+1+length], true, at}, at + length + 2, nil
	case c != '*' && isWordByte(c):
		return plainWord(text, at)
	}
	return token{}, 0, problem(text, at, "unexpected %q; words with other characters than letters, digits and %s are quoted", rune(c), wordBytes)
}

func plainWord(text string, at int) (token, int, error) {
	next := at
	for next < len(text) && isWordByte(text[next]) {
		next++
	}
	s := text[at:next]
	if op, ok := operators[s]; ok {
		return token{operator, op, false, at}, next, nil
	}
	if keywords[s] {
		return token{keyword, s, false, at}, next, nil
	}
	return token{word, s, false, at}, next, nil
}

// problem is an error at an offset of a query.
func problem(text string, at int, format string, args ...any) *diag.Problem {
	start := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	position := diag.Position{File: "query", Line: 1 + strings.Count(text[:start], "\n"), Column: 1 + at - start}
	p := diag.Errorf(position, "", format, args...)
	p.Excerpt = line
	return p
}
