package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
)

// testFlags are those of the command test. The names and their meaning are
// Bazel's, but for the default of --test_output: what a machine said last is what
// one looks for when it does not boot.
type testFlags struct {
	output   string
	cache    cacheChoice
	runs     int
	attempts int
	timeoutS int
	tags     string
	junit    string
}

func (t *testFlags) register(fs *pflag.FlagSet) {
	t.output, t.cache = "errors", "auto"
	fs.Var(&choice{&t.output, []string{"errors", "summary", "all", "streamed"}}, "test_output",
		"print the end of the log of failed tests, no logs, all logs, or logs as they are written, one test at a time: `errors|summary|all|streamed`")
	fs.VarP(&t.cache, "cache_test_results", "t", "take the results of tests that have passed from the cache, but not with --runs_per_test; always; or never (-t-): `auto|yes|no`")
	fs.IntVar(&t.runs, "runs_per_test", 1, "run each test `N` times")
	fs.IntVar(&t.attempts, "flaky_test_attempts", 1, "run a test that fails up to `N` times, until it passes")
	fs.IntVar(&t.timeoutS, "test_timeout", 0, "end a test after `SECONDS`, whatever its rule says; 0 leaves it to the rule")
	fs.StringVar(&t.tags, "test_tag_filters", "", "run only tests with one of these tags, and none with one after a minus: `TAG,-TAG,...`")
	fs.StringVar(&t.junit, "junit_xml", "", "write the results of all tests to `FILE`, for programs")
}

func (t *testFlags) check() error {
	switch {
	case t.runs < 1:
		return usagef("--runs_per_test %d: want at least 1", t.runs)
	case t.attempts < 1:
		return usagef("--flaky_test_attempts %d: want at least 1", t.attempts)
	case t.timeoutS < 0:
		return usagef("--test_timeout %d: want at least 0", t.timeoutS)
	}
	return nil
}

func (t *testFlags) timeout() time.Duration { return time.Duration(t.timeoutS) * time.Second }

// config chooses the runners of tests: cached knows results, fresh records them,
// local does neither. Of several runs, and of attempts after a failure, none is
// recorded: a test that passes now and then would look like one that passes.
func (t *testFlags) config(cached, fresh, local runner.Runner) execute.Tests {
	c := execute.Tests{Runs: t.runs, Attempts: t.attempts, First: cached, Again: local, Stream: t.output == "streamed"}
	switch {
	case t.cache != "yes" && t.runs > 1:
		c.First = local
	case t.cache == "no":
		c.First = fresh
	}
	return c
}

// keeps reports whether a target has the tags that are wanted. What is no test is
// built in any case.
func (t *testFlags) keeps(target *load.Target) bool {
	if target.IsSource() || !target.Rule().Test() {
		return true
	}
	has := map[string]bool{}
	for _, tag := range target.Tags() {
		has[tag] = true
	}
	wanted, found := false, false
	for tag := range strings.SplitSeq(t.tags, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "+")
		excluded, isExclusion := strings.CutPrefix(tag, "-")
		switch {
		case isExclusion && has[excluded]:
			return false
		case !isExclusion && tag != "":
			wanted, found = true, found || has[tag]
		}
	}
	return found || !wanted
}

// cacheChoice is the value of --cache_test_results. Bazel's users write -t- for no.
type cacheChoice string

func (c *cacheChoice) Set(s string) error {
	switch s {
	case "auto", "yes", "no":
		*c = cacheChoice(s)
	case "-", "0", "false":
		*c = "no"
	case "1", "true":
		*c = "yes"
	default:
		return fmt.Errorf("want one of auto, yes, no")
	}
	return nil
}

func (c *cacheChoice) String() string { return string(*c) }
func (c *cacheChoice) Type() string   { return "string" }
