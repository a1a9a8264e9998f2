package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/runner"
)

// atTerminal reports whether a person types to us and sees all that we print.
func (p *program) atTerminal() bool {
	return isTerminal(p.stdin) && isTerminal(p.stdout) && isTerminal(p.stderr)
}

// lendTerminal gives the program a terminal of its own, which is what ours is. All
// keys are for the program, ^C too. takeBack is called when the program has ended.
func (p *program) lendTerminal(launch *runner.Launch, end func(cause error)) (takeBack func(), err error) {
	keyboard := fileOf(p.stdin)
	mode, err := unix.IoctlGetTermios(int(keyboard.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	if err := p.terminal.raw(keyboard); err != nil {
		p.terminal.restore()
		return nil, err
	}
	t := &lentTerminal{keyboard: keyboard, screen: p.stdout, mode: mode, end: end, resized: make(chan os.Signal, 1)}
	launch.Terminal = t.connect
	launch.Env = append(launch.Env, "TERM="+p.env["TERM"])
	return func() {
		t.disconnect()
		p.terminal.restore()
	}, nil
}

// lentTerminal stands between the person's terminal and that of a program.
type lentTerminal struct {
	keyboard *os.File
	screen   io.Writer
	mode     *unix.Termios     // of the person's terminal
	end      func(cause error) // ends the program
	resized  chan os.Signal

	shown chan struct{} // closed when all is shown; nil until connected
}

// connect takes keys to the program's terminal and what is printed there to the
// screen, until the program has ended.
func (t *lentTerminal) connect(master *os.File) {
	unix.IoctlSetTermios(int(master.Fd()), unix.TCSETS, t.mode) // a terminal of other habits is one all the same
	t.resize(master)
	signal.Notify(t.resized, unix.SIGWINCH)
	go func() {
		for range t.resized {
			t.resize(master)
		}
	}()
	go func() {
		if _, err := io.Copy(master, t.keyboard); err == nil {
			t.end(errInterrupted) // the person's terminal is gone
		}
	}()
	t.shown = make(chan struct{})
	go func() {
		defer close(t.shown)
		io.Copy(t.screen, master)
		io.Copy(io.Discard, master) // nobody is left to tell; the program must not block
	}()
}

// resize gives the program's terminal the size of the person's.
func (t *lentTerminal) resize(master *os.File) {
	if size, err := unix.IoctlGetWinsize(int(t.keyboard.Fd()), unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, size)
	}
}

// disconnect returns when all that the program has printed is shown.
func (t *lentTerminal) disconnect() {
	signal.Stop(t.resized)
	close(t.resized)
	if t.shown != nil {
		<-t.shown
	}
}

// saver keeps what a program gives back, and tells of it later, when the terminal is
// ours again.
type saver struct {
	*session
	shown func(file string) string // a path as the person knows it
	news  []string
}

// place is the file of the workspace that a program's file becomes. What belongs to
// no file of it becomes a new one in the person's directory.
func (s *saver) place(f action.Save) (label.Label, error) {
	to := f.To
	if to.Repo() != "" {
		var err error
		if to, err = s.at.base.Sibling(path.Base(to.Name())); err != nil {
			return to, err
		}
	}
	if (f.New || to != f.To) && s.workspace.Exists("", to.Path()) {
		return to, usagef("%s exists, and this would replace it: use it, or move it away", s.file(to))
	}
	return to, nil
}

// check finds what would be refused later, when all is built and a person has done
// the work.
func (s *saver) check(a *action.Action) error {
	for _, f := range a.Work().(*action.Command).Lent.Saves {
		if _, err := s.place(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *saver) save(f action.Save, content []byte) error {
	to, err := s.place(f)
	if err != nil {
		return err
	}
	changed, err := s.workspace.Save("", to.Path(), content)
	if err != nil {
		return &usageError{err}
	}
	switch {
	case !changed:
		s.news = append(s.news, s.file(to)+" is as it was")
	case to != f.To:
		s.news = append(s.news, fmt.Sprintf("saved %s here, since @%s is not this workspace", s.file(to), f.To.Repo()))
	default:
		s.news = append(s.news, "saved "+s.file(to))
	}
	return nil
}

// file is a source as the person knows it.
func (s *saver) file(at label.Label) string {
	return s.shown(filepath.Join(s.at.root, filepath.FromSlash(at.Path())))
}

func (s *saver) tell(w io.Writer) {
	for _, line := range s.news {
		fmt.Fprintln(w, line)
	}
}
