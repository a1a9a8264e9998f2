package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// A build that sees the host is not the same on the next one.
func TestCommandSeesItsRootAlone(t *testing.T) {
	t.Setenv("SECRET", "of the host")
	f := newFixture(t)
	f.want(strings.Join([]string{
		"/", "/bin", "/bin/probe",
		"/dev", "/dev/fd", "/dev/full", "/dev/null", "/dev/ptmx", "/dev/pts", "/dev/pts/ptmx",
		"/dev/random", "/dev/shm", "/dev/stderr", "/dev/stdin", "/dev/stdout", "/dev/tty", "/dev/urandom", "/dev/zero",
		"/tmp", "",
	}, "\n"), "list", "/")
	f.want(`["PATH=/bin" "HOME=/tmp"] in /`+"\n", "env")
}

// What a process inherits besides files must not differ from host to host.
func TestCommandInheritsNothing(t *testing.T) {
	f := newFixture(t)
	leaked, err := unix.Open("/", unix.O_RDONLY, 0) // without O_CLOEXEC, as a careless shell leaves it
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)
	f.want("0 1 2 \n/dev/null\n", "fds")
	const kept = "00000000000000fb" // see keptCapabilities
	f.want("host appliance domain (none) uid 0 gid 0 leader true umask 22 personality 0x40000 core 0\n"+
		"SigBlk:\t0000000000000000\nCapEff:\t"+kept+"\nNoNewPrivs:\t1\nprocesses 2\ninterface lo\n", "self")
}

// Under nohup(1), or in the background of a shell, signals are ignored. Test suites that
// send themselves such a signal must not notice.
func TestIgnoredSignalsAreNotInherited(t *testing.T) {
	ignored := []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTSTP, unix.SIGTTOU}
	signal.Ignore(ignored...)
	defer signal.Reset(ignored...)
	newFixture(t).want("SigIgn:\t0000000000000000\n", "signals")
}

// make 4.3 finds its jobserver at fixed numbers.
func TestExtraFilesAreInherited(t *testing.T) {
	f := newFixture(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	f.spec.ExtraFiles = []*os.File{r, w}
	f.want("0 1 2 3 4 \n/dev/null\n", "fds")
}

// Arguments and paths are bytes, not text, and may be long.
func TestArgumentsArriveUnchanged(t *testing.T) {
	f := newFixture(t)
	args := []string{"", " ", "\xff\xfe", "a\nb", strings.Repeat("x", 100_000)}
	f.want(fmt.Sprintf("%q\n", args), append([]string{"args"}, args...)...)
}

func TestExitCodeAndSignal(t *testing.T) {
	f := newFixture(t)
	for _, code := range []int{0, 1, 2, 127, 255} {
		_, res, err := f.run("exit", fmt.Sprint(code))
		if err != nil || res.ExitCode != code || res.Signal != 0 {
			t.Errorf("exit %d: got %+v, %v", code, res, err)
		}
	}
	for _, signal := range []int{int(unix.SIGKILL), int(unix.SIGTERM), int(unix.SIGABRT)} {
		_, res, err := f.run("raise", fmt.Sprint(signal))
		// The Go runtime of the probe turns SIGABRT into exit code 2.
		if err != nil || res.Signal != signal && res.ExitCode != 2 {
			t.Errorf("signal %d: got %+v, %v", signal, res, err)
		}
	}
}

// A failed set-up must never look like a command that failed.
func TestFaultySpecsAreNamed(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *fixture)
		want  string
	}{
		{"no root", func(f *fixture) { f.spec.Mounts = nil }, "sandbox: no mount for /"},
		{"relative path", func(f *fixture) { f.mount("usr", sandbox.ReadOnly) }, `sandbox: mount path "usr" is not absolute and clean`},
		{"twice", func(f *fixture) { f.mount("/", sandbox.ReadOnly) }, "sandbox: two mounts at /"},
		{"missing layer", func(f *fixture) { f.mount("/usr", sandbox.ReadOnly, "/no/such", "/no/other") },
			"sandbox: mount /usr: open layer /no/such: no such file or directory"},
		{"two outputs", func(f *fixture) { f.mount("/out", sandbox.Writable, f.dir, f.dir) },
			"sandbox: mount /out: writable with 2 layers, want 1"},
		{"layer in layer", func(f *fixture) { f.mount("/usr", sandbox.Overlay, f.dir, f.makeDir("inner")) },
			"sandbox: mount /usr: one of the layers lies inside another"},
		{"mount in output", func(f *fixture) {
			f.mount("/out", sandbox.Writable, f.makeDir("out"))
			f.mount("/out/sub", sandbox.ReadOnly)
		}, "sandbox: mount point /out/sub: not there, and not made because /out is an output"},
		{"file over directory", func(f *fixture) { f.mount("/bin", sandbox.ReadOnly, f.layer("l", "file", "")+"/file") },
			"sandbox: mount point /bin: only one of it and what is mounted there is a directory"},
		{"missing directory", func(f *fixture) { f.spec.Dir = "/nowhere" },
			"sandbox: enter working directory /nowhere: no such file or directory"},
		{"NUL", func(f *fixture) { f.spec.Env = []string{"A=\x00"} }, `sandbox: "A=\x00" has a NUL byte`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			test.spoil(f)
			_, _, err := f.run("args")
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// A program that is not there is the most common mistake of a recipe.
func TestProgramsThatCannotStart(t *testing.T) {
	f := newFixture(t)
	tools := f.makeDir("tools")
	programs := map[string]string{
		"script":  "#! /bin/sh -e\n",
		"text":    "hello",
		"foreign": foreignProgram(),
	}
	for name, content := range programs {
		if err := os.WriteFile(filepath.Join(tools, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f.mount("/tools", sandbox.ReadOnly, tools)
	tests := []struct{ program, want string }{
		{"cc", "start cc: not found in PATH /bin"},
		{"/tools/cc", "start /tools/cc: no such file in the sandbox"},
		{"/tools", "start /tools: permission denied"},
		{"/tools/script", "start /tools/script: its interpreter /bin/sh is not in the sandbox"},
		{"/tools/text", "start /tools/text: exec format error: it is neither an ELF program nor a script that starts with #!"},
		{"/tools/foreign", "start /tools/foreign: exec format error: it is a program for another machine (EM_PPC), this one is "},
	}
	for _, test := range tests {
		f.scratch()
		f.spec.Argv = []string{test.program}
		_, err := sandbox.Run(t.Context(), f.spec)
		start, ok := errors.AsType[*sandbox.StartError](err)
		if !ok || !strings.HasPrefix(start.Error(), test.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", test.program, err, test.want)
		}
	}
	f.spec.Env = nil
	f.spec.Argv = []string{"cc"}
	f.scratch()
	_, err := sandbox.Run(t.Context(), f.spec)
	if err == nil || !strings.Contains(err.Error(), "no PATH in the environment") {
		t.Errorf("without PATH: got %v", err)
	}
}

// foreignProgram is the ELF header of a big-endian PowerPC program.
func foreignProgram() string {
	header := make([]byte, 52)
	copy(header, "\x7fELF\x01\x02\x01")
	header[17], header[19], header[23] = 2, 20, 1 // ET_EXEC, EM_PPC, version
	header[41], header[43], header[47] = 52, 32, 40
	return string(header)
}

// Cancelling a build, or its timeout, must leave no process behind: Run does not
// return before process 1 is gone, which is after all others are.
func TestCancelledCommandIsGone(t *testing.T) {
	f := newFixture(t)
	out := f.makeDir("out")
	f.mount("/out", sandbox.Writable, out)
	running := filepath.Join(out, "running")
	if err := unix.Mkfifo(running, 0o600); err != nil {
		t.Fatal(err)
	}
	f.spec.Env = append(f.spec.Env, "MARK="+f.dir)
	f.scratch()
	f.spec.Argv = []string{probePath, "spawn", "/out/running"}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	go func() {
		os.ReadFile(running) // waits for the writer
		cancel(cause)
	}()
	if _, err := sandbox.Run(ctx, f.spec); err != cause {
		t.Errorf("got %v, want %v", err, cause)
	}
	wantNoProcess(t, "MARK="+f.dir)
}

func TestTimeout(t *testing.T) {
	f := newFixture(t)
	f.scratch()
	f.spec.Argv = []string{probePath, "forever"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := sandbox.Run(ctx, f.spec); err != context.DeadlineExceeded {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// A daemon that a test suite forgot must not hold up or outlive the action.
func TestDaemonsEndWithTheCommand(t *testing.T) {
	f := newFixture(t)
	f.spec.Env = append(f.spec.Env, "MARK="+f.dir)
	f.want("", "daemon")
	wantNoProcess(t, "MARK="+f.dir)
}

// wantNoProcess fails if a process has mark in its environment.
func wantNoProcess(t *testing.T, mark string) {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environments {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), mark) {
			t.Errorf("process left: %s", path)
		}
	}
}

// parentName is argv[0] of a test program that plays an engine which is killed.
const parentName = "killed parent"

// runForever is that engine. Its file 3 is inherited by the command.
func runForever(layers, scratch string) error {
	_, err := sandbox.Run(context.Background(), sandbox.Spec{
		Argv:       []string{probePath, "spawn", "/dev/fd/3"},
		Mounts:     []sandbox.Mount{{Path: "/", Layers: []string{layers}}},
		Scratch:    scratch,
		ExtraFiles: []*os.File{os.NewFile(3, "alive")},
	})
	return err
}

// When the engine is killed (by the user, or for lack of memory), its commands must not go on.
func TestCommandEndsWithKilledParent(t *testing.T) {
	f := newFixture(t)
	f.scratch()
	alive, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	parent := exec.Command(program(t))
	parent.Args = []string{parentName, f.spec.Mounts[0].Layers[0], f.spec.Scratch}
	parent.ExtraFiles = []*os.File{held}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	if _, err := io.ReadFull(alive, make([]byte, len("running"))); err != nil {
		t.Fatal(err)
	}
	parent.Process.Kill()
	parent.Wait()
	// The file is at its end when no process has it open any more.
	if _, err := io.ReadAll(alive); err != nil {
		t.Fatal(err)
	}
}

// Programs that are written while other threads fork must start (golang/go#22315).
func TestFreshProgramsStart(t *testing.T) {
	f := newFixture(t)
	self, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	const workers, rounds = 4, 5
	var working sync.WaitGroup
	for worker := range workers {
		root := f.makeDir(fmt.Sprintf("fresh%d/bin", worker))
		working.Go(func() {
			for round := range rounds {
				runFresh(t, self, root, f.makeDir(fmt.Sprintf("scratch%d.%d", worker, round)))
			}
		})
	}
	working.Wait()
}

// runFresh writes a program, which it starts at once.
func runFresh(t *testing.T, content []byte, bin, scratch string) {
	path := filepath.Join(bin, "probe")
	os.Remove(path)
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Error(err)
		return
	}
	_, err := sandbox.Run(t.Context(), sandbox.Spec{
		Argv:    []string{probePath, "exit", "0"},
		Mounts:  []sandbox.Mount{{Path: "/", Layers: []string{filepath.Dir(bin)}}},
		Scratch: scratch,
	})
	if err != nil {
		t.Error(err)
	}
}
