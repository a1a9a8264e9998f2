package jobserver_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/jobserver"
)

// makefile has as many independent jobs as asked for, behind a make that calls make.
func makefile(t *testing.T, jobs int, recipe string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("all:\n\t+@$(MAKE) -f $(firstword $(MAKEFILE_LIST)) jobs\njobs:")
	for i := range jobs {
		fmt.Fprintf(&b, " part%d", i)
	}
	fmt.Fprintf(&b, "\npart%%:\n\t@%s\n", recipe)
	path := filepath.Join(t.TempDir(), "Makefile")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// runMake is an action that runs the host's make.
func runMake(t *testing.T, p *jobserver.Pool, makefile string) {
	if err := p.Acquire(t.Context()); err != nil {
		t.Error(err)
		return
	}
	defer p.Release()
	l, err := p.Serve(t.TempDir())
	if err != nil {
		t.Error(err)
		return
	}
	cmd := exec.CommandContext(t.Context(), "make", "-f", makefile)
	cmd.ExtraFiles = l.Files()
	cmd.Env = append(os.Environ(), "MAKEFLAGS="+l.MakeFlagsInherited(3, 4))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "warning:") {
		t.Errorf("make: %v\n%s", err, out)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func needMake(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make on this host")
	}
}

// Two packages that build at once must not run more jobs than there are cores.
func TestMakesShareTokens(t *testing.T) {
	needMake(t)
	const size = 3
	p := jobserver.New(size)
	log := filepath.Join(t.TempDir(), "log")
	file := makefile(t, 60, "printf + >>"+log+"; printf - >>"+log)
	var makes sync.WaitGroup
	for range 2 {
		makes.Go(func() { runMake(t, p, file) })
	}
	makes.Wait()
	if n := mostAtOnce(t, log, 2*60); n > size {
		t.Errorf("%d jobs at once, want %d at most", n, size)
	}
	wantFree(t, p, size)
}

// mostAtOnce reads a log of job starts (+) and ends (-).
func mostAtOnce(t *testing.T, log string, jobs int) int {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != 2*jobs {
		t.Errorf("got %d starts and ends, want %d", len(text), 2*jobs)
	}
	running, most := 0, 0
	for _, c := range text {
		running += map[byte]int{'+': 1, '-': -1}[c]
		most = max(most, running)
	}
	return most
}

// A package that builds alone must use all cores: no job here ends before as many have
// started as there are tokens.
func TestOneMakeReachesAllTokens(t *testing.T) {
	needMake(t)
	const size = 5
	dir := t.TempDir()
	started, end := fifo(t, dir, "started"), fifo(t, dir, "end")
	file := makefile(t, size, "echo $@ >"+started+"; : <"+end)
	p := jobserver.New(size)
	var building sync.WaitGroup
	building.Go(func() { runMake(t, p, file) })
	lines := bufio.NewScanner(openFIFO(t, started, os.O_RDWR))
	for range size {
		lines.Scan()
	}
	openFIFO(t, end, os.O_WRONLY) // what the jobs wait for
	building.Wait()
}

func fifo(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openFIFO(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
