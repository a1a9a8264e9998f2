package main

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is the terminal of this process while a program has it. However the
// process ends, short of SIGKILL, restore is called before.
type terminal struct {
	mu    sync.Mutex
	fd    int
	saved *term.State // nil while the terminal is as it was
}

// raw makes f give each key as it is typed, ^C too, show none, and show what is
// written as it is.
func (t *terminal) raw(f *os.File) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := int(f.Fd())
	saved, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	t.fd, t.saved = fd, saved
	return nil
}

// rawKeys is raw, but a newline that is written still begins a line: much of what
// programs and firmware print relies on it.
func (t *terminal) rawKeys(f *os.File) error {
	if err := t.raw(f); err != nil {
		return err
	}
	fd := int(f.Fd())
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		mode.Oflag |= unix.OPOST
		err = unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	}
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// restore makes the terminal what it was. It may be called at any time, by any
// goroutine.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved != nil {
		term.Restore(t.fd, t.saved) // there is nobody to tell
		t.saved = nil
	}
}
