package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

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

// save makes content the source file to. What belongs to no file of the workspace
// becomes a new one in the person's directory.
func (s *saver) save(to label.Label, content []byte) error {
	if to.Repo() == "" {
		return s.saveSource(to, content)
	}
	here, err := s.at.base.Sibling(path.Base(to.Name()))
	if err != nil {
		return err
	}
	if s.workspace.Exists("", here.Path()) {
		return usagef("%s is no file of this workspace, and %s exists: move it away, or start this in another directory", to, here.Path())
	}
	s.news = append(s.news, fmt.Sprintf("%s is no file of this workspace", to))
	return s.saveSource(here, content)
}

func (s *saver) saveSource(to label.Label, content []byte) error {
	changed, err := s.workspace.Save("", to.Path(), content)
	if err != nil {
		return &usageError{err}
	}
	file := s.shown(filepath.Join(s.at.root, filepath.FromSlash(to.Path())))
	if changed {
		s.news = append(s.news, "saved "+file)
	} else {
		s.news = append(s.news, file+" is as it was")
	}
	return nil
}

func (s *saver) tell(w io.Writer) {
	for _, line := range s.news {
		fmt.Fprintln(w, line)
	}
}
