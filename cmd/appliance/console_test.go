package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A person sits at a terminal in which the program runs.
type person struct {
	t        testing.TB
	keyboard *os.File // the master of a pseudo terminal
	line     *os.File // its other side
	before   unix.Termios
	cmd      *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
	news   chan struct{} // something has been shown; capacity 1
}

// sit starts "appliance run" in a new terminal.
func sit(s *site, args ...string) *person {
	s.t.Helper()
	p := &person{t: s.t, news: make(chan struct{}, 1)}
	p.openTerminal()
	p.resize(91, 31)
	mode, err := unix.IoctlGetTermios(int(p.line.Fd()), unix.TCGETS)
	s.check(err)
	p.before = *mode
	p.cmd = exec.Command(s.program, append([]string{"-C", s.dir, "--cache", s.cache, "--norc", "run"}, args...)...)
	p.cmd.Env = []string{"HOME=" + s.dir, "PATH=/nowhere", "TERM=xterm"}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.line, p.line, p.line
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	s.check(p.cmd.Start())
	go p.watch()
	return p
}

// resize makes the person's window another one.
func (p *person) resize(columns, rows uint16) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		p.t.Fatal(err)
	}
}

// openTerminal follows pts(4).
func (p *person) openTerminal() {
	p.t.Helper()
	var err error
	if p.keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		p.t.Skipf("this host has no pseudo terminals: %v", err)
	}
	p.t.Cleanup(func() { p.keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(p.keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		p.t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(int(p.keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.line.Close() })
}

func (p *person) watch() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.keyboard.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.screen.Write(buffer[:n])
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}

func (p *person) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// sees waits until the text is on the screen.
func (p *person) sees(text string) {
	p.t.Helper()
	patience := time.After(time.Minute)
	for !strings.Contains(p.shown(), text) {
		select {
		case <-p.news:
		case <-patience:
			p.t.Fatalf("%q never appeared on the screen:\n%s", text, p.shown())
		}
	}
}

func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.keyboard.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// isBack waits for the end of the program: its exit code, and the terminal is as
// it was.
func (p *person) isBack(code int) {
	p.t.Helper()
	p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d\n%s", got, code, p.shown())
	}
	mode, err := unix.IoctlGetTermios(int(p.line.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	if *mode != p.before {
		p.t.Errorf("the terminal is not as it was: %+v, want %+v", *mode, p.before)
	}
}

// newConsoleSite is a workspace with one program, //:prog.run, which does what its
// arguments say.
func newConsoleSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	program, err := probe()
	s.check(err)
	s.put("probe/probe", source{Text: string(program), Executable: true})
	s.put("programs.star", source{Text: `"""A program."""

prog = rule(
    doc = "A program that does what its arguments say.",
    executable = True,
    implementation = lambda ctx: ctx.actions.executable(argv = ["/probe"], mounts = {"/": ctx.file._root}),
    attrs = {"_root": attr.label(doc = "The root.", default = "//:probe", allow_single_file = True)},
)

lent = rule(
    doc = "The same with a terminal, and a file to save.",
    executable = True,
    implementation = lambda ctx: ctx.actions.executable(
        argv = ["/probe"],
        mounts = {"/": ctx.file._root},
        terminal = True,
        saves = {"/save/file": "saved"},
    ),
    attrs = {"_root": attr.label(doc = "The root.", default = "//:probe", allow_single_file = True)},
)
`})
	s.put("APPLIANCE.star", source{Text: "load(\"//:programs.star\", \"lent\", \"prog\")\n\nworkspace(name = \"programs\")\n\nprog(name = \"prog.run\")\nlent(name = \"lent.run\")\n"})
	return s
}

// Keys reach the program as they are typed, ^A is ours, and ^A x leaves nothing
// behind: no process, no scratch, no terminal that shows no keys. A program that
// does not want to wait for its output, as emulators do, does not take the keys away.
func TestConsole(t *testing.T) {
	s := newConsoleSite(t)
	p := sit(s, "//:prog.run", "--", "nonblock", "print ready", "cat")
	p.sees("ready 99\r\n")
	p.types("abc")
	p.sees("abc")
	p.types("<\x01\x01>")
	p.sees("<\x01>")
	p.types("\x01h")
	p.sees("^A x   end the program")
	p.types("\x01zdef\x1a")
	p.sees("def\x1a")
	p.types("\x01x")
	p.isBack(0)
	if left := s.awaitSilence(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	s.checkCache()
}

// A program that wants a terminal has one of its own, with the size that the
// person's has, also when that changes, and all keys are the program's. What is said
// of a saved file is said when the screen is the person's again.
func TestLentTerminal(t *testing.T) {
	s := newConsoleSite(t)
	p := sit(s, "//:lent.run", "--", "env TERM", "terminal", "write /save/file x")
	p.sees("xterm\r\n")
	p.types("\x01first\r")
	p.sees("/dev/pts/0 91x31\r\n")
	p.sees("^Afirst") // as a terminal shows it that nobody has made raw
	p.resize(92, 32)
	for !strings.Contains(p.shown(), "/dev/pts/0 92x32\r\n") {
		p.types("\r")
		<-p.news
	}
	p.types("\x04")
	p.isBack(0)
	p.sees("\r\nsaved saved\r\n")

	p = sit(s, "//:lent.run", "--", "say ready", "cat")
	p.sees("ready\r\n")
	p.types("\x03")
	p.isBack(128 + int(syscall.SIGINT))
	if left := s.awaitSilence(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	s.checkCache()
}

// Killed, we can give nothing back, yet nothing of the program is left, and the
// next run clears away the rest.
func TestConsoleIsKilled(t *testing.T) {
	s := newConsoleSite(t)
	p := sit(s, "//:prog.run", "--", "print ready", "cat")
	p.sees("ready 99")
	p.cmd.Process.Kill()
	p.cmd.Wait()
	if left := s.awaitSilence(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	sit(s, "//:prog.run").isBack(0)
	s.checkCache()
}

// All other ways out give the terminal back, too.
func TestConsoleWaysOut(t *testing.T) {
	s := newConsoleSite(t)
	paste := strings.Repeat("x", 3000)
	tests := []struct {
		way  string
		args []string
		do   func(p *person)
		code int
	}{
		{"interrupt", []string{"print ready", "cat"}, func(p *person) { p.types("\x03") }, exitInterrupted},
		{"interrupt of a program that does not read", []string{"print ready", "hang"}, func(p *person) {
			for range 50 { // more than a pipe holds
				p.types(paste)
			}
			p.types("\x03")
		}, exitInterrupted},
		{"signal", []string{"print ready", "cat"}, func(p *person) { p.cmd.Process.Signal(syscall.SIGTERM) }, exitInterrupted},
		{"end of the program", []string{"print ready", "exit 7"}, func(*person) {}, 7},
		{"end without an error", []string{"print ready", "exit 0"}, func(*person) {}, 0},
	}
	for _, test := range tests {
		t.Run(test.way, func(t *testing.T) {
			s.t = t
			p := sit(s, append([]string{"//:prog.run", "--"}, test.args...)...)
			p.sees("ready 99")
			test.do(p)
			p.isBack(test.code)
		})
	}
}
