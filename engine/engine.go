package engine

import (
	"context"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
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
