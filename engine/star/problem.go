package star

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
)

// Problems is an error of the parser, the resolver or the interpreter, for a
// person. subject says what was being done; may be "".
func Problems(err error, files Files, subject string) diag.List {
	var syntaxError syntax.Error
	var unresolved resolve.ErrorList
	var eval *starlark.EvalError
	var known *diag.Problem
	var list diag.List
	switch {
	case errors.As(err, &list):
		return list
	case errors.As(err, &known):
		return diag.List{known}
	case errors.As(err, &syntaxError):
		return diag.List{locate(files, &diag.Problem{Position: Position(syntaxError.Pos), Subject: subject, Text: syntaxError.Msg})}
	case errors.As(err, &unresolved):
		for _, e := range unresolved {
			text, hint := splitHint(e.Msg)
			list = append(list, locate(files, &diag.Problem{Position: Position(e.Pos), Subject: subject, Text: text, Hint: hint}))
		}
		return list
	case errors.As(err, &eval):
		return diag.List{evalProblem(eval, files, subject)}
	}
	list.Add(err)
	return list
}

// splitHint takes the interpreter's "(did you mean x?)" off a message.
func splitHint(msg string) (text, hint string) {
	text, near, ok := strings.Cut(msg, " (did you mean ")
	near, closed := strings.CutSuffix(near, "?)")
	if !ok || !closed {
		return msg, ""
	}
	return text, DidYouMean(strings.TrimPrefix(near, "."))
}

// evalProblem places an error at the deepest call in a file and tells the way
// there.
func evalProblem(e *starlark.EvalError, files Files, subject string) *diag.Problem {
	text, hint := splitHint(strings.TrimPrefix(e.Msg, "fail: "))
	p := &diag.Problem{Subject: subject, Text: text, Hint: hint, Cause: e.Unwrap()}
	var argument *ArgumentError
	if errors.As(e, &argument) {
		p.Text, p.Hint, p.Notes = argument.Text, argument.Hint, argument.Notes
	}
	stack := userFrames(e.CallStack)
	if len(stack) == 0 {
		return p
	}
	p.Position = Position(stack[0].Pos)
	if argument != nil {
		p.Position = ArgumentPosition(files, p.Position, argument.Name)
	}
	p.Notes = append(p.Notes, CallNotes(stack)...)
	return locate(files, p)
}

// userFrames are the calls in files, deepest first.
func userFrames(stack starlark.CallStack) []starlark.CallFrame {
	var frames []starlark.CallFrame
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i].Pos.Filename() != "<builtin>" && stack[i].Pos.IsValid() {
			frames = append(frames, stack[i])
		}
	}
	return frames
}

// CallNotes say how the code got to the first of frames, deepest first.
func CallNotes(frames []starlark.CallFrame) []string {
	const most = 10
	var notes []string
	for i := 1; i < len(frames) && i <= most; i++ {
		notes = append(notes, fmt.Sprintf("%s is called at %s", frames[i-1].Name, Position(frames[i].Pos)))
	}
	return notes
}

// Stack are the calls in files that are under way on t, deepest first.
func Stack(t *starlark.Thread) []starlark.CallFrame { return userFrames(t.CallStack()) }

// locate adds the source line.
func locate(files Files, p *diag.Problem) *diag.Problem {
	p.Excerpt = Line(files, p.Position)
	return p
}

// Line is the source line at a position, "" if it is unknown.
func Line(files Files, pos diag.Position) string {
	n := 0
	for line := range bytes.Lines(files.Text(pos.File)) {
		if n++; n == pos.Line {
			return strings.TrimRight(string(line), "\r\n")
		}
	}
	return ""
}

// ArgumentPosition is where the call at pos (that of its opening bracket) gives
// the named argument; pos itself if it is not written out there.
func ArgumentPosition(files Files, pos diag.Position, name string) diag.Position {
	if arg := argument(files, pos, name); arg != nil {
		return Position(arg.X.(*syntax.Ident).NamePos)
	}
	return pos
}

// ElementPosition is where the value of an argument writes a string that is
// wanted; the argument's position if it is not written out there.
func ElementPosition(files Files, pos diag.Position, name string, wanted func(string) bool) diag.Position {
	arg := argument(files, pos, name)
	if arg == nil {
		return pos
	}
	found := Position(arg.X.(*syntax.Ident).NamePos)
	syntax.Walk(arg.Y, func(n syntax.Node) bool {
		l, ok := n.(*syntax.Literal)
		if !ok {
			return true
		}
		if s, ok := l.Value.(string); ok && wanted(s) {
			found = Position(l.TokenPos)
		}
		return true
	})
	return found
}

// argument is name = value in the call at pos; nil if it is not there.
func argument(files Files, pos diag.Position, name string) *syntax.BinaryExpr {
	if name == "" {
		return nil
	}
	file, err := Dialect.Parse(pos.File, files.Text(pos.File), 0)
	if err != nil {
		return nil
	}
	var found *syntax.BinaryExpr
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && Position(call.Lparen) == pos {
			found = named(call, name)
		}
		return true
	})
	return found
}

func named(call *syntax.CallExpr, name string) *syntax.BinaryExpr {
	for _, arg := range call.Args {
		b, ok := arg.(*syntax.BinaryExpr)
		if !ok || b.Op != syntax.EQ {
			continue
		}
		if id, ok := b.X.(*syntax.Ident); ok && id.Name == name {
			return b
		}
	}
	return nil
}
