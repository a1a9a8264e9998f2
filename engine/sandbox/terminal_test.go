package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// printTerminal tells of the terminal, and reads one line from it.
func printTerminal([]string) error {
	if err := printLink("/proc/self/fd/0"); err != nil {
		return err
	}
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	foreground, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err != nil {
		return err
	}
	fmt.Printf("%dx%d foreground %v\n", size.Col, size.Row, foreground == unix.Getpgrp())
	line := make([]byte, 100)
	n, err := os.Stdin.Read(line)
	fmt.Printf("read %q\n", line[:n])
	return err
}

// session is what a person does at the terminal of a probe: types when something is
// shown, and reads all of it.
func (f *fixture) session(typed string, args ...string) (string, sandbox.Result, error) {
	f.t.Helper()
	f.scratch()
	f.spec.Argv = append([]string{probePath}, args...)
	shown := make(chan []byte, 1)
	f.spec.Terminal = func(master *os.File) {
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 100, Row: 30}); err != nil {
			f.t.Error(err)
		}
		go func() {
			defer master.Close()
			var screen bytes.Buffer
			io.CopyN(&screen, master, 1)
			master.WriteString(typed)
			io.Copy(&screen, master)
			shown <- screen.Bytes()
		}()
	}
	res, err := sandbox.Run(context.Background(), f.spec)
	if err != nil {
		return "", res, err
	}
	return string(<-shown), res, nil
}

// A shell without job control, or a program that draws for a screen of another size,
// is no shell in a terminal.
func TestTerminal(t *testing.T) {
	f := newFixture(t)
	f.spec.ExtraFiles = []*os.File{os.Stderr}
	f.spec.Stdin = os.Stdin // the terminal takes its place
	shown, res, err := f.session("typed\n", "terminal")
	if err != nil || res.ExitCode != 0 {
		t.Fatal(res, err)
	}
	for _, want := range []string{"/dev/pts/0\r\n", "100x30 foreground true\r\n", "typed\r\n", "read \"typed\\n\"\r\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("shown:\n%q\nwithout %q", shown, want)
		}
	}
}

// ^C is for the program: it is the terminal that makes a signal of it.
func TestInterruptOnTerminal(t *testing.T) {
	_, res, err := newFixture(t).session("\x03", "terminal")
	if err != nil || res.Signal != int(unix.SIGINT) {
		t.Errorf("got %+v, %v, want an end by SIGINT", res, err)
	}
}

// Nobody waits for a terminal that does not come, or for one whose command does not
// start.
func TestTerminalOfNoCommand(t *testing.T) {
	f := newFixture(t)
	f.spec.Dir = "/nowhere"
	if _, _, err := f.session("", "terminal"); err == nil {
		t.Error("no error")
	}
	f.spec.Dir = ""
	f.spec.Mounts[0].Layers = []string{f.makeDir("empty")}
	var start *sandbox.StartError
	if _, _, err := f.session("", "terminal"); !errors.As(err, &start) {
		t.Errorf("got %v, want a StartError", err)
	}
}
