package execute_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// judge is a runner whose tests go as they are told: a letter for each attempt, p
// for one that passes, f fails, t is stopped at its time limit, e is trouble with
// the machine, c is in the cache.
type judge struct {
	mu     sync.Mutex
	course map[string]string // by the target's name; p for those without
}

func (j *judge) Run(ctx context.Context, job runner.Job) (*action.Result, error) {
	name := job.Action.Owner().Name()
	j.mu.Lock()
	defer j.mu.Unlock()
	course := j.course[name] + "p"
	j.course[name] = course[1:]
	failure := &runner.TestFailure{Reason: "failed with exit code 1", Log: digest.Of([]byte("log"))}
	switch course[0] {
	case 'c':
		return &action.Result{Cached: true}, nil
	case 'f':
		return nil, &diag.Problem{Kind: diag.Action, Text: "Test failed", Cause: failure}
	case 't':
		failure.TimedOut = true
		return nil, &diag.Problem{Kind: diag.Action, Text: "Test failed", Cause: failure}
	case 'e':
		return nil, errors.New("disk full")
	}
	job.Started()
	if job.Output != nil {
		job.Output([]byte("out"))
	}
	return &action.Result{}, nil
}

// test plans a test that needs these artifacts.
func (b *bench) test(name string, in ...*action.Artifact) *action.Action {
	b.t.Helper()
	made, err := action.New(action.Plan{
		Owner: mustParse(b.t, "//:"+name), Mnemonic: "Test", Purpose: action.Test,
		Work: &action.Command{Argv: []string{name}, Mounts: []action.Mount{{Path: "/in", Artifacts: in}}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return made
}

// runTests runs tests after what they need, and tells what came of each run.
func (b *bench) runTests(j *judge, tests execute.Tests, heard func(event.Event)) (string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	trees := store.NewTrees(b.store)
	fresh := runner.NewTool([]action.Tool{b.concat()}, b.store, trees, noMemo{}, 2)
	tests.First, tests.Again = j, j
	outcome, err := execute.Run(ctx, nil, execute.Config{
		Runner: fresh, Fresh: fresh, Trees: trees, KeepGoing: true, Tests: tests,
		Deliver: func(context.Context, *action.Artifact, tree.Node) error { return nil },
		LogPath: digest.Digest.Short,
		Events:  sinkFunc(heard),
	})
	var told []string
	for _, t := range outcome.Tests {
		var runs []string
		for _, r := range t.Runs {
			runs = append(runs, fmt.Sprintf("%s after %d", statusNames[r.Status], r.Attempts))
		}
		told = append(told, t.Action.Owner().Name()+": "+strings.Join(runs, ", "))
	}
	return strings.Join(told, "; "), err
}

var statusNames = map[event.TestStatus]string{
	event.NoStatus: "no status", event.Passed: "passed", event.Flaky: "flaky", event.TestFailed: "failed", event.TimedOut: "timed out",
}

// A test that fails says so and nothing more: neither the build nor another test
// fails with it. One whose build fails, or that this machine cannot run, has no
// status.
func TestTests(t *testing.T) {
	for _, test := range []struct {
		name     string
		runs     int
		attempts int
		course   map[string]string
		want     string
		err      string
	}{
		{"all pass", 1, 1, nil, "a: passed after 1; b: passed after 1", ""},
		{"cached", 1, 1, map[string]string{"a": "c"}, "a: passed after 1; b: passed after 1", ""},
		{"one fails", 1, 1, map[string]string{"a": "f"}, "a: failed after 1; b: passed after 1", ""},
		{"time limit", 1, 1, map[string]string{"b": "t"}, "a: passed after 1; b: timed out after 1", ""},
		{"flaky", 1, 3, map[string]string{"a": "tfp", "b": "ffff"}, "a: flaky after 3; b: failed after 3", ""},
		{"several runs", 3, 1, map[string]string{"b": "fff"}, "a: passed after 1, passed after 1, passed after 1; b: failed after 1, failed after 1, failed after 1", ""},
		{"machine", 1, 3, map[string]string{"a": "fe"}, "a: no status after 2; b: passed after 1", "disk full"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			if test.course == nil {
				test.course = map[string]string{}
			}
			built := b.step("x")
			tests := execute.Tests{Actions: []*action.Action{b.test("a", built), b.test("b", built)}, Runs: test.runs, Attempts: test.attempts}
			got, err := b.runTests(&judge{course: test.course}, tests, func(event.Event) {})
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
			if fmt.Sprint(err) != test.err && (err != nil || test.err != "") {
				t.Errorf("got the error %v, want %q", err, test.err)
			}
			if len(b.ran) != 1 {
				t.Errorf("built %v, want x once", b.ran)
			}
		})
	}
}

// What a test needs and cannot be built leaves it without a status; the others
// run.
func TestTestsOfFailedBuild(t *testing.T) {
	b := newBench(t)
	tests := execute.Tests{Actions: []*action.Action{b.test("a", b.step("fail")), b.test("b", b.step("x"))}, Runs: 1, Attempts: 1}
	got, err := b.runTests(&judge{course: map[string]string{}}, tests, func(event.Event) {})
	if got != "a: no status after 0; b: passed after 1" || err == nil || !strings.Contains(err.Error(), "told to fail") {
		t.Errorf("got %s, %v", got, err)
	}
}

// Whoever listens hears the output of one test after that of another, and how
// each ended.
func TestTestEvents(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	var heard []string
	tests := execute.Tests{Actions: []*action.Action{b.test("a"), b.test("b")}, Runs: 1, Attempts: 2, Stream: true}
	_, err := b.runTests(&judge{course: map[string]string{"a": "fp", "b": "ff"}}, tests, func(e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case event.TestOutput:
			heard = append(heard, fmt.Sprintf("%s printed %s", e.Owner.Name(), e.Text))
		case event.TestFinished:
			heard = append(heard, fmt.Sprintf("%s run %d of %d %s after %d", e.Owner.Name(), e.Run, e.Runs, statusNames[e.Status], e.Attempts))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(heard) // of two tests either may be the first
	want := []string{"a printed out", "a run 1 of 1 flaky after 2", "b run 1 of 1 failed after 2"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q\nwant  %q", heard, want)
	}
}
