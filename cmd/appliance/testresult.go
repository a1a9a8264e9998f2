package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/label"
)

// testResult is what a person wants to know of a test.
type testResult struct {
	action *action.Action
	label  label.Label
	status event.TestStatus // of all runs together
	runs   []execute.TestRun
	logs   []string      // links to the logs of the runs, in their order; "" where there is none
	took   time.Duration // of the longest attempt
	tries  int           // attempts of all runs
	failed int           // attempts that failed
}

func newTestResult(t execute.TestOutcome) testResult {
	r := testResult{action: t.Action, label: t.Action.Owner(), status: event.Passed, runs: t.Runs, logs: make([]string, len(t.Runs))}
	for _, run := range t.Runs {
		r.took = max(r.took, run.Took)
		r.status = worse(r.status, run.Status)
		r.tries += run.Attempts
		r.failed += failedAttempts(run)
	}
	return r
}

func failedAttempts(run execute.TestRun) int {
	switch run.Status {
	case event.TestFailed, event.TimedOut:
		return run.Attempts
	case event.Flaky:
		return run.Attempts - 1
	}
	return 0
}

// severity orders what runs can come to. A run without status says less than one
// that has failed.
var severity = map[event.TestStatus]int{event.Passed: 0, event.Flaky: 1, event.NoStatus: 2, event.TimedOut: 3, event.TestFailed: 4}

func worse(a, b event.TestStatus) event.TestStatus {
	if severity[b] > severity[a] {
		return b
	}
	return a
}

func (r testResult) cached() bool {
	for _, run := range r.runs {
		if !run.Cached {
			return false
		}
	}
	return len(r.runs) > 0
}

// statusWords are Bazel's.
var statusWords = map[event.TestStatus]string{
	event.NoStatus:   "NO STATUS",
	event.Passed:     "PASSED",
	event.Flaky:      "FLAKY",
	event.TestFailed: "FAILED",
	event.TimedOut:   "TIMEOUT",
}

// verdict is "(cached) PASSED" and how it came about: " in 3/3 runs".
func (r testResult) verdict() (word, rest string) {
	word = statusWords[r.status]
	seconds := fmt.Sprintf(" in %.1fs", r.took.Seconds())
	switch {
	case r.status == event.NoStatus:
		return word, ""
	case r.cached():
		return "(cached) " + word, ""
	case r.status == event.Flaky:
		return word, fmt.Sprintf(", failed in %d out of %d%s", r.failed, r.tries, seconds)
	case r.failed > 0 && r.tries > 1:
		return word, fmt.Sprintf(" in %d out of %d%s", r.failed, r.tries, seconds)
	case len(r.runs) > 1:
		return word, fmt.Sprintf(" in %d/%d runs%s", len(r.runs), len(r.runs), seconds)
	}
	return word, seconds
}

// printTests prints a line for each test, with the logs of those that failed, and
// one with the numbers.
func printTests(out io.Writer, results []testResult, colors bool) {
	labels, words := 0, 0
	for _, r := range results {
		word, _ := r.verdict()
		labels, words = max(labels, len(r.label.Short())), max(words, len(word))
	}
	for _, r := range results {
		word, rest := r.verdict()
		padding := strings.Repeat(" ", labels-len(r.label.Short())+words-len(word))
		fmt.Fprintf(out, "%s %s%s%s\n", r.label.Short(), padding, paint(statusColor(r.status), word, colors), rest)
		for i, run := range r.runs {
			if (run.Status == event.TestFailed || run.Status == event.TimedOut) && r.logs[i] != "" {
				fmt.Fprintf(out, "  %s\n", printable(r.logs[i]))
			}
		}
	}
	fmt.Fprintln(out, testCounts(results))
}

func statusColor(s event.TestStatus) string {
	switch s {
	case event.Passed:
		return green
	case event.Flaky, event.NoStatus:
		return cyan
	}
	return red
}

// testCounts is "Executed 2 out of 4 tests: 2 pass, 1 fails and 1 was skipped."
func testCounts(results []testResult) string {
	executed, passed, failed, skipped := 0, 0, 0, 0
	for _, r := range results {
		switch r.status {
		case event.NoStatus:
			skipped++
		case event.Passed, event.Flaky:
			passed++
		default:
			failed++
		}
		if r.status != event.NoStatus && !r.cached() {
			executed++
		}
	}
	var parts []string
	for _, part := range []struct {
		n         int
		one, many string
	}{{passed, "test passes", "tests pass"}, {failed, "fails", "fail"}, {skipped, "was skipped", "were skipped"}} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.one)
		case part.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.many))
		}
	}
	noun := "tests"
	if len(results) == 1 {
		noun = "test"
	}
	return fmt.Sprintf("Executed %d out of %d %s: %s.", executed, len(results), noun, strings.Join(parts, ", "))
}
