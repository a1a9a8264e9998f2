package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

// Scripts tell by the code whose turn it is.
func TestExitCodes(t *testing.T) {
	problem := func(k diag.Kind) error { return &diag.Problem{Kind: k, Text: "x"} }
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{problem(diag.User), 1},
		{problem(diag.Action), 1},
		{diag.List{{Kind: diag.Action}, {Kind: diag.User}}, 1},
		{usagef("x"), 2},
		{&codeError{7, errors.New("x")}, 7},
		{fmt.Errorf("build: %w", errInterrupted), 8},
		{problem(diag.Environment), 36},
		{fmt.Errorf("write: %w", &fs.PathError{Op: "write", Err: syscall.ENOSPC}), 36},
		{errors.Join(errors.New("x"), syscall.EIO), 36},
		{&sandbox.Unavailable{}, 36},
		{&codeError{36, nil}, 36},
		{problem(diag.Bug), 37},
	} {
		if got := exitCode(t.Context(), test.err); got != test.want {
			t.Errorf("%v: got %d, want %d", test.err, got, test.want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	if got := exitCode(ctx, problem(diag.Action)); got != exitInterrupted {
		t.Errorf("a failure after ^C: got %d, want %d", got, exitInterrupted)
	}
}

// What reaches standard error, and nothing that would move the cursor.
func TestReport(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{t.Context(), nil, ""},
		{t.Context(), &codeError{36, nil}, ""},
		{t.Context(), errors.New("a\x1b[2Jb\tc\u009bd"), "a?[2Jb\tc?d\n"},
		{ctx, context.Canceled, "interrupted\n"},
		{ctx, fmt.Errorf("run: %w", errInterrupted), "interrupted\n"},
		{ctx, errors.New("compiler failed"), "compiler failed\n"},
	} {
		var b strings.Builder
		p := &program{stderr: &b, env: environment{}}
		p.report(test.ctx, test.err)
		if b.String() != test.want {
			t.Errorf("%v: got %q, want %q", test.err, b.String(), test.want)
		}
	}
}

// Colours change no word.
func TestPaintError(t *testing.T) {
	p := &diag.Problem{
		Position: diag.Position{File: "a.star", Line: 1, Column: 3},
		Subject:  `rule "x"`,
		Text:     "no attribute",
		Excerpt:  "  y = 1",
		Notes:    []string{"defined at b.star:2: there"},
		Hint:     "did you mean z?",
	}
	painted := paintError(p.Error(), true)
	const want = "\x1b[1ma.star:1:3: rule \"x\":\x1b[0m \x1b[31mno attribute\x1b[0m\n" +
		"        y = 1\n        \x1b[32m^\x1b[0m\n" +
		"    \x1b[36mnote:\x1b[0m defined at b.star:2: there\n    \x1b[32mhint:\x1b[0m did you mean z?"
	if painted != want {
		t.Errorf("got\n%q\nwant\n%q", painted, want)
	}
	for _, s := range []string{bold, red, green, cyan, normal} {
		painted = strings.ReplaceAll(painted, s, "")
	}
	if painted != p.Error() {
		t.Errorf("got\n%s\nwant\n%s", painted, p)
	}
}

// A bug is told as one, with the way to it, and has its own code.
func TestPanic(t *testing.T) {
	var b strings.Builder
	p := &program{stderr: &b, stdout: panicWriter{}, env: environment{}, dir: t.TempDir()}
	if code := p.main(t.Context(), []string{"version"}); code != exitInternal {
		t.Errorf("exit code %d, want %d", code, exitInternal)
	}
	if !strings.HasPrefix(b.String(), "bug: out of paper (please report, with this text)\n") || !strings.Contains(b.String(), "panicWriter") {
		t.Errorf("got %s", b.String())
	}
}

type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("out of paper") }
