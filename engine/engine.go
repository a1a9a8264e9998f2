package engine

import (
	"context"
	"slices"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
)

// Engine builds targets of one workspace.
type Engine struct {
	Loader   *load.Loader
	Analysis analyze.Options
	Execute  execute.Config
}

// Outcome is what a build has made.
type Outcome struct {
	*execute.Outcome
	Targets []*analyze.ConfiguredTarget // those that were asked for
}

// Build brings the requested targets up to date. It is the whole story of the
// tool: files become targets, targets become actions, actions become results.
// The Outcome is not nil unless loading or analysis failed.
func (e *Engine) Build(ctx context.Context, patterns []label.Pattern) (*Outcome, error) {
	plan, err := e.Plan(ctx, patterns)
	if err != nil {
		return nil, err
	}
	executed, err := execute.Run(ctx, wanted(plan), e.Execute)
	return &Outcome{executed, plan.Targets}, err
}

// Plan is the first two phases: what would be done.
func (e *Engine) Plan(ctx context.Context, patterns []label.Pattern) (*analyze.Plan, error) {
	targets, err := e.Loader.Targets(ctx, patterns)
	if err != nil {
		return nil, err
	}
	return analyze.Targets(ctx, e.Loader, targets, e.Analysis)
}

// wanted are the files of the targets that were asked for.
func wanted(plan *analyze.Plan) []*action.Artifact {
	var files []*action.Artifact
	for _, t := range plan.Targets {
		files = append(files, t.Files...)
	}
	return files
}

// Test is Build, and runs those of the targets that are tests. Only targets that
// keep approves of are looked at. That a test fails is told by the Outcome and no
// error.
func (e *Engine) Test(ctx context.Context, patterns []label.Pattern, keep func(*load.Target) bool) (*Outcome, error) {
	plan, err := e.TestPlan(ctx, patterns, keep)
	if err != nil {
		return nil, err
	}
	config := e.Execute
	for _, t := range plan.Targets {
		if t.Test != nil {
			config.Tests.Actions = append(config.Tests.Actions, t.Test)
		}
	}
	executed, err := execute.Run(ctx, wanted(plan), config)
	return &Outcome{executed, plan.Targets}, err
}

// TestPlan is the first two phases of Test.
func (e *Engine) TestPlan(ctx context.Context, patterns []label.Pattern, keep func(*load.Target) bool) (*analyze.Plan, error) {
	targets, err := e.Loader.Targets(ctx, patterns)
	if err != nil {
		return nil, err
	}
	targets = slices.DeleteFunc(targets, func(t *load.Target) bool { return !keep(t) })
	return analyze.Targets(ctx, e.Loader, targets, e.Analysis)
}

// Program is the action of a target that can be run: the first two phases of Launch.
func (e *Engine) Program(ctx context.Context, t *load.Target) (*action.Action, error) {
	plan, err := analyze.Targets(ctx, e.Loader, []*load.Target{t}, e.Analysis)
	if err != nil {
		return nil, err
	}
	program := plan.Targets[0].Executable
	if program == nil {
		return nil, diag.Errorf(diag.Position{}, t.Label().Short(), "the target cannot be run")
	}
	return program, nil
}

// Launch builds all that a program needs, and gives the job of running it.
func (e *Engine) Launch(ctx context.Context, program *action.Action) (runner.Job, error) {
	outcome, err := execute.Run(ctx, program.HashedInputs(), e.Execute)
	if err != nil {
		return runner.Job{}, err
	}
	request, err := execute.NewRequest(ctx, program, outcome.Nodes, e.Execute.Trees)
	return runner.Job{Request: request, Started: func() {}, Progress: func(int64, int64) {}}, err
}
