package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Unavailable means that this host does not let the caller make a sandbox.
type Unavailable struct {
	Ability string // what is missing, as a noun
	Err     error  // what the kernel said
	Fix     string // the setting to change
}

func (e *Unavailable) Error() string {
	return fmt.Sprintf("sandbox: no %s: %v; %s", e.Ability, e.Err, e.Fix)
}

func (e *Unavailable) Unwrap() error { return e.Err }

// StartError means that the sandbox is fine and the command could not be started in it.
type StartError struct {
	Program string // Argv[0]
	Reason  string
}

func (e *StartError) Error() string { return fmt.Sprintf("start %s: %s", e.Program, e.Reason) }

// A setupError is a step of the child's preparations that failed.
type setupError struct {
	Ability string // which ability the step needs; empty if only spec can be at fault
	Step    string // what was done to what
	Errno   unix.Errno
	Note    string // what went wrong, if the number does not say it
}

func (e *setupError) Error() string {
	if e.Note != "" {
		return e.Step + ": " + e.Note
	}
	return e.Step + ": " + e.Errno.Error()
}

// explain turns a failed step into the error that Run returns.
func (e *setupError) explain() error {
	if e.Ability == "" || !refused(e.Errno) {
		return fmt.Errorf("sandbox: %w", e)
	}
	return &Unavailable{Ability: e.Ability, Err: e, Fix: fixFor(e.Ability)}
}

func (e *setupError) Unwrap() error { return e.Errno }

// refused tells a host that forbids or lacks something from a faulty spec.
func refused(errno unix.Errno) bool {
	switch errno {
	case unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENOSYS, unix.ENODEV, unix.ENOSPC, unix.EUSERS, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// step wraps the error of a system call; nil stays nil.
func step(ability, what string, err error) error {
	if err == nil {
		return nil
	}
	if already, ok := err.(*setupError); ok {
		return already
	}
	errno, ok := err.(unix.Errno)
	if !ok {
		return &setupError{Ability: ability, Step: what, Note: err.Error()}
	}
	return &setupError{Ability: ability, Step: what, Errno: errno}
}
