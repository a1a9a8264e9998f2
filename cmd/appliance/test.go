package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine"
	"github.com/kittyhawk/appliance/engine/event"
)

const testLong = `Bring targets up to date and run those that are tests.

A test that has passed is not run again until something that it depends on has changed. One that fails
does not stop the others. What a test printed is in testlogs/DIR/NAME/test.log below the output
directory, beside a test.xml in JUnit's format.

The exit code is 0 if all tests pass, 1 if the build fails, 3 if tests fail and 4 if there are none.`

func newTest(p *program) *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:   "test PATTERN...",
		Short: "Build targets and run those that are tests",
		Long:  testLong,

		ValidArgsFunction: p.completeLabels,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(flags.check(), flags.tests.check()); err != nil {
				return err
			}
			return p.test(cmd.Context(), &flags, args)
		},
	}
	flags.register(cmd.Flags())
	flags.tests.register(cmd.Flags())
	keepGoing := cmd.Flags().Lookup("keep_going")
	keepGoing.DefValue, flags.keepGoing = "true", true
	return cmd
}

func (p *program) test(ctx context.Context, flags *buildFlags, args []string) (err error) {
	at, err := p.findPlace()
	if err != nil {
		return err
	}
	patterns, err := at.patterns(args)
	if err != nil {
		return err
	}
	logs := &testLogs{mode: flags.tests.output}
	s, err := p.openSession(ctx, at, flags, func(next event.Sink) event.Sink {
		logs.next = next
		return logs
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	logs.cas = s.store
	if err := p.useSourcesFor(ctx, s, &flags.sourceFlags, patterns); err != nil {
		return err
	}
	if flags.noBuild {
		_, err := s.engine.TestPlan(ctx, patterns, flags.tests.keeps)
		return err
	}
	outcome, err := s.engine.Test(ctx, patterns, flags.tests.keeps)
	if outcome == nil {
		return err
	}
	_, linkErr := p.link(ctx, s.stack, at.output(flags.output), outcome)
	return p.conclude(ctx, s, flags, outcome, errors.Join(err, linkErr))
}

// conclude tells what came of the tests, and keeps it. err is what went wrong with
// the build.
func (p *program) conclude(ctx context.Context, s *session, flags *buildFlags, outcome *engine.Outcome, err error) error {
	results := make([]testResult, len(outcome.Tests))
	for i, t := range outcome.Tests {
		results[i] = newTestResult(t)
	}
	keep := context.WithoutCancel(ctx)
	if keepErr := p.keepTestLogs(keep, s, flags, results); keepErr != nil {
		err = errors.Join(err, keepErr)
	}
	s.screen.Close()
	if len(results) > 0 {
		printTests(p.stderr, results, p.colors())
	}
	switch {
	case err != nil || ctx.Err() != nil:
		return errors.Join(err, context.Cause(ctx))
	case len(results) == 0:
		return &codeError{exitNoTests, errors.New("no tests found among the targets")}
	case !allPassed(results):
		return &codeError{exitTestsFailed, nil}
	}
	return nil
}

func allPassed(results []testResult) bool {
	return !slices.ContainsFunc(results, func(r testResult) bool { return r.status != event.Passed && r.status != event.Flaky })
}
