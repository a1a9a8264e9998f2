package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// A build runs all its commands by way of one process: none of them may get the
// end, or the output, of another.
func TestStarterKeepsSandboxesApart(t *testing.T) {
	f := newFixture(t)
	var starter sandbox.Starter
	defer starter.Close()
	var all sync.WaitGroup
	for i := range 32 {
		spec := f.spec
		spec.Scratch = f.makeDir("scratch" + strconv.Itoa(i))
		spec.Argv = []string{probePath, "exit", strconv.Itoa(i)}
		all.Go(func() {
			res, err := starter.Run(t.Context(), spec)
			if err != nil || res.ExitCode != i {
				t.Errorf("command %d: %+v, %v", i, res, err)
			}
		})
	}
	all.Wait()
}

// Whoever kills the process between us and the sandboxes gets an error, and no
// build that waits for ever.
func TestKilledStarterIsAnError(t *testing.T) {
	f := newFixture(t)
	var starter sandbox.Starter
	defer starter.Close()
	f.scratch()
	f.spec.Argv = []string{probePath, "exit", "0"}
	if _, err := starter.Run(t.Context(), f.spec); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(childOf(t, os.Getpid(), "appliance: sandbox starter"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.scratch()
	if _, err := starter.Run(t.Context(), f.spec); err == nil {
		t.Fatal("want an error")
	}
}

// A Starter that started nothing has nothing to close.
func TestUnusedStarterCloses(t *testing.T) {
	var starter sandbox.Starter
	if err := starter.Close(); err != nil {
		t.Fatal(err)
	}
}

// childOf finds the child of a process by its command line.
func childOf(t *testing.T, parent int, name string) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		line, _ := os.ReadFile(stat)
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		_, fields, _ := strings.Cut(string(line), ") ")
		var state string
		var ppid int
		fmt.Sscan(fields, &state, &ppid)
		if ppid == parent && strings.HasPrefix(string(command), name) && state != "Z" {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("no child %q", name)
	return 0
}
