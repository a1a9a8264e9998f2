package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// report prints what went wrong, if anything, and returns the exit code.
func (p *program) report(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	var own *codeError
	switch {
	case err == nil, errors.As(err, &own) && own.err == nil:
	case code == exitInterrupted && onlyInterrupted(err):
		fmt.Fprintln(p.stderr, "interrupted")
	default:
		fmt.Fprintln(p.stderr, paintError(err.Error(), p.colors()))
	}
	return code
}

// onlyInterrupted reports whether err says nothing that the person who pressed
// the keys does not know.
func onlyInterrupted(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled)
}

// colors reports whether messages may be coloured (https://no-color.org).
func (p *program) colors() bool {
	switch p.global.color {
	case "yes":
		return true
	case "no":
		return false
	}
	return p.env["NO_COLOR"] == "" && !p.env.dumbTerminal() && isTerminal(p.stderr)
}

// isTerminal reports whether a stream of the process is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ANSI control sequences (ECMA-48, SGR).
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

func paint(color, s string, colors bool) string {
	if !colors || s == "" {
		return s
	}
	return color + s + normal
}

// paintError colours an error in the shape that diag gives it, line by line.
func paintError(text string, colors bool) string {
	text = printable(text)
	if !colors {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = paintErrorLine(line)
	}
	return strings.Join(lines, "\n")
}

func paintErrorLine(line string) string {
	trimmed := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(trimmed)]
	switch {
	case trimmed == "^":
		return indent + paint(green, trimmed, true)
	case strings.HasPrefix(line, "    note: "):
		return indent + paint(cyan, "note:", true) + trimmed[len("note:"):]
	case strings.HasPrefix(line, "    hint: "):
		return indent + paint(green, "hint:", true) + trimmed[len("hint:"):]
	case indent != "":
		return line
	}
	// "position: subject: problem": the problem is red.
	if at := strings.LastIndex(line, ": "); at >= 0 {
		return paint(bold, line[:at+1], true) + " " + paint(red, line[at+2:], true)
	}
	return paint(red, line, true)
}

// printable keeps control characters of foreign text (logs, file names) away from
// the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// flagProblem words an error of the flag parser.
func flagProblem(cmd *cobra.Command, err error) error {
	var p *diag.Problem
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return unknownFlag(cmd, "-"+unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return unknownFlag(cmd, "--"+unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return fmt.Errorf("--%s: no value", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %s: %s", invalid.GetFlag().Name, invalid.GetValue(), wanted(invalid))
	}
	return err
}

func wanted(err *pflag.InvalidValueError) string {
	switch err.GetFlag().Value.Type() {
	case "int", "int64", "uint":
		return "want a whole number"
	case "bool":
		return "want true or false"
	}
	return errors.Unwrap(err).Error()
}

// unknownFlag is about a flag, given with its dashes, that cmd does not have.
func unknownFlag(cmd *cobra.Command, flag string) error {
	var known []string
	add := func(f *pflag.Flag) { known = append(known, f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	p := &diag.Problem{Subject: cmd.CommandPath(), Text: "no flag " + flag}
	p.Hint = cmd.CommandPath() + " --help lists the flags"
	if name, long := strings.CutPrefix(flag, "--"); long {
		if near := label.Nearest(string(underscores(nil, name)), known); near != "" {
			p.Hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return p
}
