package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

// The exit codes, as far as we have the cases: Bazel's
// (https://bazel.build/run/scripts, "What exit code will I get?").
const (
	exitOK          = 0
	exitBuildFailed = 1
	exitUsage       = 2
	exitTestsFailed = 3
	exitNoTests     = 4
	exitQueryFailed = 7
	exitInterrupted = 8
	exitEnvironment = 36
	exitInternal    = 37
)

// usageError means that the command line, an rc file or an environment variable
// must be changed.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// codeError is an error with an exit code of its own. A nil err prints nothing.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codeError) Unwrap() error { return e.err }

// exitCode says what the process that ends with err tells its parent.
func exitCode(ctx context.Context, err error) int {
	var own *codeError
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), errors.Is(context.Cause(ctx), errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &own):
		return own.code
	}
	return codeOfKind(diag.KindOf(err, kindOfPlain(err)))
}

// kindOfPlain tells the machine's troubles from the user's where an error does
// not say.
func kindOfPlain(err error) diag.Kind {
	var path *fs.PathError
	var errno syscall.Errno
	var unavailable *sandbox.Unavailable
	if errors.As(err, &path) || errors.As(err, &errno) || errors.As(err, &unavailable) {
		return diag.Environment
	}
	return diag.User
}

func codeOfKind(k diag.Kind) int {
	switch k {
	case diag.Environment:
		return exitEnvironment
	case diag.Bug:
		return exitInternal
	default: // User, Action
		return exitBuildFailed
	}
}
