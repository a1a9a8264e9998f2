package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Tests are actions whose success is what one wants to know. They run like all
// others, when what they need is made and there is a place; nothing needs them.
type Tests struct {
	Actions  []*action.Action
	Runs     int           // of each; at least 1
	Attempts int           // of each run, until one passes; at least 1
	First    runner.Runner // for the first attempt of each run
	Again    runner.Runner // for the others: knows no results and records none
	Stream   bool          // announce what tests print, and run one at a time
}

// TestOutcome is what came of a test.
type TestOutcome struct {
	Action *action.Action
	Runs   []TestRun
}

// TestRun is what came of one run of a test.
type TestRun struct {
	Status   event.TestStatus
	Attempts int                  // that were made
	Cached   bool                 // it has passed before, and was not run
	Took     time.Duration        // of the last attempt
	Log      digest.Digest        // what the last attempt printed; zero if nothing
	Reason   string               // why it failed: "failed with exit code 1"
	Outputs  map[string]tree.Node // by Output.Name, if it has passed
}

// performTest runs a test until it passes, or has had its attempts. What the test
// is to blame for is its verdict, and no error.
func (x *execution) performTest(ctx context.Context, t *task) (*action.Result, error) {
	if x.Tests.Stream {
		if err := x.stream.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer x.stream.Release(1)
	}
	clock := &stopwatch{}
	request, result, err := x.attemptTest(ctx, t, clock)
	x.Events.Hear(event.ActionFinished{
		ID:       t.id,
		Owner:    t.action.Owner(),
		Mnemonic: t.action.Mnemonic(),
		Key:      key(request),
		Outcome:  outcomeOf(ctx, result, err),
		Took:     time.Since(clock.began),
		Spent:    spent(result),
		Log:      x.logPath(request, result),
	})
	if err != nil && t.verdict.Status == event.NoStatus {
		return nil, err
	}
	x.Events.Hear(event.TestFinished{
		ID: t.id, Owner: t.action.Owner(), Run: t.run, Runs: max(1, x.Tests.Runs), Attempts: t.verdict.Attempts,
		Status: t.verdict.Status, Cached: t.verdict.Cached, Took: t.verdict.Took, Log: t.verdict.Log,
		Reason: t.verdict.Reason,
	})
	return &action.Result{Cached: t.verdict.Cached}, nil
}

// attemptTest runs a test until it passes, or has had its attempts, and sets its
// verdict. The error is that of the last attempt.
func (x *execution) attemptTest(ctx context.Context, t *task, clock *stopwatch) (request *action.Request, result *action.Result, err error) {
	with := x.Tests.First
	for attempt := 1; ; attempt++ {
		clock.began = time.Now()
		request, result, err = x.attempt(ctx, t.id, t.action, with, clock)
		t.verdict = verdict(ctx, attempt, result, err)
		if !t.verdict.Cached { // of a lookup nobody wants to know how long it took
			t.verdict.Took = time.Since(clock.began)
		}
		failed := t.verdict.Status == event.TestFailed || t.verdict.Status == event.TimedOut
		if !failed || attempt >= x.Tests.Attempts {
			return request, result, err
		}
		x.Events.Hear(event.Note{Text: fmt.Sprintf("%s: attempt %d of %d %s", t.action.Owner().Short(), attempt, x.Tests.Attempts, t.verdict.Reason)})
		with = x.Tests.Again
	}
}

// verdict is what an attempt comes to. What the test is not to blame for says
// nothing of it.
func verdict(ctx context.Context, attempt int, result *action.Result, err error) TestRun {
	run := TestRun{Attempts: attempt}
	var failed *runner.TestFailure
	switch {
	case err == nil:
		run.Status, run.Cached, run.Log, run.Outputs = event.Passed, result.Cached, result.Log, result.Outputs
		if attempt > 1 {
			run.Status = event.Flaky
		}
	case ctx.Err() == nil && errors.As(err, &failed):
		run.Status, run.Log, run.Reason = event.TestFailed, failed.Log, failed.Reason
		if failed.TimedOut {
			run.Status = event.TimedOut
		}
	}
	return run
}

// listener announces what a test prints, if that is wanted; nil if not.
func (x *execution) listener(id event.ActionID, a *action.Action) func([]byte) {
	if !x.Tests.Stream || a.Purpose() != action.Test {
		return nil
	}
	return func(p []byte) {
		x.Events.Hear(event.TestOutput{ID: id, Owner: a.Owner(), Text: append([]byte(nil), p...)})
	}
}

// testOutcomes gathers the verdicts.
func testOutcomes(tasks []*task, tests Tests) []TestOutcome {
	runs := map[*action.Action][]TestRun{}
	for _, t := range tasks {
		if t.run > 0 {
			runs[t.action] = append(runs[t.action], t.verdict)
		}
	}
	outcomes := make([]TestOutcome, 0, len(tests.Actions))
	for _, a := range tests.Actions {
		outcomes = append(outcomes, TestOutcome{a, runs[a]})
	}
	return outcomes
}
