package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const crashDir = "APPLIANCE_TEST_CRASH_DIR"

// crashActions is how many actions the processes of the crash test run, over and
// over.
const crashActions = 40

// TestMain turns the test program into the process that is to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, workUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// workUntilKilled writes to a store on several goroutines, one line on standard
// output for each thing done.
func workUntilKilled(dir string) error {
	s, err := Open(dir, Options{CommitInterval: time.Millisecond})
	if err != nil {
		return err
	}
	ctx := context.Background()
	failed := make(chan error)
	for range 3 {
		go func() {
			for {
				if err := run(ctx, s, rand.IntN(crashActions)); err != nil {
					failed <- err
				}
				fmt.Println("ran")
			}
		}()
	}
	go func() {
		for {
			if _, err := s.GC(ctx, Limits{Bytes: 1}); err != nil && !errors.Is(err, ErrBusy) {
				failed <- err
			}
			if err := s.Flush(ctx); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

// Processes that share a store are killed at random moments, time and again. The
// store is valid afterwards: every blob has its digest, every tree is whole, every
// result has all that it names, and nothing is left of the dead.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	dir := t.TempDir()
	found := 0
	for round := range 12 {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { killAfter(t, dir, 1+rand.IntN(40)) })
		}
		group.Wait()
		found += wantValid(t, dir, round)
	}
	if found == 0 {
		t.Error("no result survived any round: the test tests nothing")
	}
}

// killAfter starts a process on the store and kills it when it has done some things.
func killAfter(t *testing.T, dir string, things int) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	var trouble lockedBuffer
	child.Stderr = &trouble
	if err := child.Start(); err != nil {
		t.Error(err)
		return
	}
	lines := bufio.NewScanner(out)
	for range things {
		if !lines.Scan() {
			break
		}
	}
	child.Process.Kill()
	io.Copy(io.Discard, out)
	child.Wait()
	if s := trouble.String(); s != "" {
		t.Errorf("the process said: %s", s)
	}
}

// lockedBuffer takes what a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}

// wantValid opens the store as the next process would, and counts the results.
func wantValid(t *testing.T, dir string, round int) (found int) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.process.sweep.Wait()
	if left := unfinished(t, s); len(left) > 0 {
		t.Errorf("round %d: left behind: %v", round, left)
	}
	for n := range crashActions {
		ok, err := checkResult(t.Context(), s, n)
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if ok {
			found++
		}
	}
	if bad, err := s.Verify(t.Context()); err != nil || len(bad) > 0 {
		t.Errorf("round %d: damaged: %v, %v", round, bad, err)
	}
	age(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if locks, err := filepath.Glob(filepath.Join(dir, "tmp", "*")); err != nil || len(locks) > 0 {
		t.Errorf("round %d: left in tmp: %v, %v", round, locks, err)
	}
	return found
}

// age makes everything in the store look unused for ten days, so that GC has
// work.
func age(t *testing.T, s *Store) {
	t.Helper()
	items, err := s.inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		access, modification := i.used.Add(-10*day), Time
		if i.kind == "ac" {
			modification = access
		}
		if err := s.files.times(i.path, access, modification); err != nil {
			t.Fatal(err)
		}
	}
}
