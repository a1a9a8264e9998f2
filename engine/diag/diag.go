package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a text file. Line and Column count from 1; 0 means
// unknown.
type Position struct {
	File   string
	Line   int
	Column int
}

// String is "file:line:column" as far as it is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Kind says whose fault a problem is.
type Kind int

const (
	User        Kind = iota // a file, a flag or a label is wrong
	Action                  // a command or tool of the build failed
	Environment             // disk, network, kernel or remote side
	Bug                     // ours
)

// Problem is one error for a person. Only Text is required.
type Problem struct {
	Kind     Kind
	Position Position
	Subject  string   // what the problem is about: `ext2_image "rootfs"`, "//a:b"
	Text     string   // lower case, no final stop
	Excerpt  string   // the source line at Position, without its newline
	Notes    []string // further facts, one sentence each
	Hint     string   // computed advice, never guessed
	Cause    error    // what errors.Is and errors.As look into; may be nil
}

// Errorf is a user problem at a position. A %w argument becomes the cause.
func Errorf(pos Position, subject, format string, args ...any) *Problem {
	err := fmt.Errorf(format, args...)
	return &Problem{Position: pos, Subject: subject, Text: err.Error(), Cause: errors.Unwrap(err)}
}

// Error is the whole problem, on several lines if it has notes.
func (p *Problem) Error() string {
	var b strings.Builder
	for _, part := range []string{p.Position.String(), p.Subject} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(p.Text)
	if p.Excerpt != "" {
		b.WriteString("\n" + p.excerpt())
	}
	for _, n := range p.Notes {
		b.WriteString("\n    note: " + n)
	}
	if p.Hint != "" {
		b.WriteString("\n    hint: " + p.Hint)
	}
	return b.String()
}

// excerpt is the source line with a caret below the column.
func (p *Problem) excerpt() string {
	line := strings.TrimRight(strings.ReplaceAll(p.Excerpt, "\t", " "), " \r\n")
	trimmed := strings.TrimLeft(line, " ")
	column := p.Position.Column - 1 - (len(line) - len(trimmed))
	if column < 0 || column > len(trimmed) {
		return "        " + trimmed
	}
	return "        " + trimmed + "\n        " + strings.Repeat(" ", column) + "^"
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// List is several problems, sorted by position. An empty list is no error:
// use Err.
type List []*Problem

// Err is the list as an error: nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	sorted := slices.Clone(l)
	slices.SortStableFunc(sorted, func(a, b *Problem) int { return a.Position.compare(b.Position) })
	return slices.CompactFunc(sorted, func(a, b *Problem) bool { return a == b || a.Error() == b.Error() })
}

// Error joins the problems with newlines.
func (l List) Error() string {
	texts := make([]string, len(l))
	for i, p := range l {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap lets errors.Is and errors.As look into each problem.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, p := range l {
		errs[i] = p
	}
	return errs
}

// Add appends err: the problems of a List, a Problem, or any other error as a
// user problem without a position. A nil err adds nothing.
func (l *List) Add(err error) {
	var list List
	var p *Problem
	switch {
	case err == nil:
	case errors.As(err, &list):
		*l = append(*l, list...)
	case errors.As(err, &p):
		*l = append(*l, p)
	default:
		*l = append(*l, &Problem{Text: err.Error(), Cause: err})
	}
}

// KindOf is the kind of the first problem in err; a plain error is of kind
// otherwise.
func KindOf(err error, otherwise Kind) Kind {
	var list List
	var p *Problem
	switch {
	case errors.As(err, &list) && len(list) > 0:
		return list[0].Kind
	case errors.As(err, &p):
		return p.Kind
	}
	return otherwise
}
