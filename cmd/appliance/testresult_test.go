package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/label"
)

func passed(seconds float64) execute.TestRun {
	return execute.TestRun{Status: event.Passed, Attempts: 1, Took: time.Duration(seconds * float64(time.Second))}
}

func ended(status event.TestStatus, attempts int) execute.TestRun {
	return execute.TestRun{Status: status, Attempts: attempts, Took: time.Second}
}

// outcome is that of a test with these runs.
func outcome(t *testing.T, name string, runs ...execute.TestRun) testResult {
	t.Helper()
	l, err := label.Parse(name, label.Label{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := action.New(action.Plan{Owner: l, Mnemonic: "Test", Purpose: action.Test, Work: &action.Command{Argv: []string{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	return newTestResult(execute.TestOutcome{Action: a, Runs: runs})
}

// What people and scripts read at the end: the words are Bazel's.
func TestPrintTests(t *testing.T) {
	cached := execute.TestRun{Status: event.Passed, Attempts: 1, Cached: true}
	failed := outcome(t, "//e:e_test", passed(1), ended(event.TestFailed, 1), ended(event.TimedOut, 2))
	failed.logs[1], failed.logs[2] = "out/2", "out/3"
	results := []testResult{
		outcome(t, "//a:a_test", passed(12.34)),
		outcome(t, "//b:b_test", cached),
		outcome(t, "//c:c_test", passed(1), passed(3), passed(2)),
		outcome(t, "//d:d_test", passed(1), ended(event.Flaky, 3)),
		failed,
		outcome(t, "//f:f_test", ended(event.TimedOut, 1)),
		outcome(t, "//g:g_test", ended(event.NoStatus, 0), passed(1)),
		outcome(t, "//hh:h_test", passed(1), cached),
	}
	var b bytes.Buffer
	printTests(&b, results, false)
	want := `//a:a_test           PASSED in 12.3s
//b:b_test  (cached) PASSED
//c:c_test           PASSED in 3/3 runs in 3.0s
//d:d_test            FLAKY, failed in 2 out of 4 in 1.0s
//e:e_test           FAILED in 3 out of 4 in 1.0s
  out/2
  out/3
//f:f_test          TIMEOUT in 1.0s
//g:g_test        NO STATUS
//hh:h_test          PASSED in 2/2 runs in 1.0s
Executed 6 out of 8 tests: 5 tests pass, 2 fail, 1 was skipped.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// -t- is what Bazel's users type to run everything again.
func TestCacheTestResults(t *testing.T) {
	for args, want := range map[string]string{
		"":                         "auto",
		"-t-":                      "no",
		"-t no":                    "no",
		"-t1":                      "yes",
		"--cache_test_results=yes": "yes",
		"--cache_test_results=no":  "no",
	} {
		var flags testFlags
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.register(fs)
		if err := fs.Parse(strings.Fields(args)); err != nil || string(flags.cache) != want {
			t.Errorf("%q: got %s, %v, want %s", args, flags.cache, err, want)
		}
	}
}

// A report holds the end of a log, cut between characters.
func TestLastBytes(t *testing.T) {
	for _, limit := range []int{0, 1, 2, 3, 4, 5, 6, 100} {
		got := lastBytes("aäöß", limit)
		if len(got) > limit || !strings.HasSuffix("aäöß", got) || !utf8.ValidString(got) {
			t.Errorf("%d: got %q", limit, got)
		}
	}
}

// A console is full of what only a terminal understands.
func TestPlainText(t *testing.T) {
	got := plainText("\x1b[2J\x1b[1;31mlogin:\x1b[0m \r\nroot\r\n\n")
	if want := "login: \nroot"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
