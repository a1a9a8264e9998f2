package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// Options are what the targets are analysed for.
type Options struct {
	Tools          map[string]int // versions of the tools that actions may call, by name
	TargetPlatform label.Label    // zero: the workspace's default
	ExecPlatform   label.Label    // zero: the workspace's
	TestTimeout    time.Duration  // of all tests, in whole seconds; 0 leaves theirs
	Overrides      []Override     // of attributes
	Events         event.Sink     // nil: nobody listens
	Now            func() time.Time
}

// Plan is what there is to do.
type Plan struct {
	Targets []*ConfiguredTarget // those that were asked for, sorted by label
	Actions []*action.Action    // of all targets in the graph, dependencies first
}

// ConfiguredTarget is a target after analysis.
type ConfiguredTarget struct {
	Label         label.Label
	Configuration platform.Configuration
	Files         []*action.Artifact // of its DefaultInfo, in order
	Test          *action.Action     // nil for what is no test
	Executable    *action.Action     // nil for what cannot be run
	Providers     []*star.Info       // sorted by name
}

// Provider finds what the target tells under p; nil if nothing.
func (c *ConfiguredTarget) Provider(p *star.Provider) *star.Info {
	for _, i := range c.Providers {
		if i.Provider() == p {
			return i
		}
	}
	return nil
}

// Targets analyses targets and all they depend on. The error holds every
// problem that was found, as far as the targets could be followed.
func Targets(ctx context.Context, loader *load.Loader, targets []*load.Target, opts Options) (*Plan, error) {
	a, err := newAnalysis(ctx, loader, opts)
	if err != nil {
		return nil, err
	}
	start := a.opts.Now()
	roots := a.grow(ctx, targets)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	order, problems := a.sort(roots)
	problems.Add(a.run(ctx, order))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	problems = append(problems, a.collisions(order)...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	a.tellUnused(order)
	plan := newPlan(roots, order)
	a.opts.Events.Hear(event.Analyzed{Targets: len(order), Actions: len(plan.Actions), Took: a.opts.Now().Sub(start)})
	return plan, nil
}

func newPlan(roots []*dependency, order []*node) *Plan {
	p := &Plan{}
	for _, r := range roots {
		p.Targets = append(p.Targets, r.node.result)
	}
	slices.SortFunc(p.Targets, func(x, y *ConfiguredTarget) int { return x.Label.Compare(y.Label) })
	p.Targets = slices.Compact(p.Targets)
	for _, n := range order {
		p.Actions = append(p.Actions, n.actions...)
	}
	return p
}

// analysis is one call of Targets.
type analysis struct {
	loader    *load.Loader
	opts      Options
	env       *star.Environment
	config    platform.Configuration // of the targets that were asked for
	platforms platforms
	registry  registry
	overrides overrides

	mu      sync.Mutex
	nodes   map[key]*node
	sources map[label.Label]*action.Artifact
}

func newAnalysis(ctx context.Context, loader *load.Loader, opts Options) (*analysis, error) {
	settings, err := loader.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Events == nil {
		opts.Events = event.Discard
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	a := &analysis{
		loader:    loader,
		opts:      opts,
		env:       loader.Environment(),
		platforms: platforms{loader: loader, known: map[label.Label]*platform.Platform{}},
		nodes:     map[key]*node{},
		sources:   map[label.Label]*action.Artifact{},
	}
	target, err := a.choosePlatform(ctx, opts.TargetPlatform, settings.DefaultPlatform)
	if err != nil {
		return nil, err
	}
	exec, err := a.choosePlatform(ctx, opts.ExecPlatform, settings.ExecPlatform)
	if err != nil {
		return nil, err
	}
	a.config = platform.NewConfiguration(target, exec)
	if a.registry, err = newRegistry(ctx, a); err != nil {
		return nil, err
	}
	return a, a.checkOverrides(ctx)
}

// choosePlatform is the first of the labels that is not zero, with aliases
// followed; zero if there is none.
func (a *analysis) choosePlatform(ctx context.Context, wanted, otherwise label.Label) (label.Label, error) {
	if wanted.IsZero() {
		wanted = otherwise
	}
	if wanted.IsZero() {
		return wanted, nil
	}
	p, err := a.platforms.platform(ctx, wanted)
	if err != nil {
		return wanted, unknownPlatform(wanted, err)
	}
	return p.Label(), nil
}

// unknownPlatform says of an error that it is about what to build for: the
// label stands in no file of a target.
func unknownPlatform(wanted label.Label, err error) error {
	var p *diag.Problem
	if !errors.As(err, &p) {
		return fmt.Errorf("platform %s: %w", wanted, err)
	}
	about := *p
	about.Notes = append([]string{fmt.Sprintf("%s was asked for as a platform", wanted)}, p.Notes...)
	return &about
}

// source is the artifact of a source file: one for each file, so that files
// that are the same are equal.
func (a *analysis) source(t *load.Target) *action.Artifact {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.sources[t.Label()]
	if !ok {
		f = action.NewSource(t.Label(), t.IsTree())
		a.sources[t.Label()] = f
	}
	return f
}

// problem is a problem of a target, at the argument that gives the named
// attribute, or at the call.
func (a *analysis) problem(t *load.Target, attr, format string, args ...any) *diag.Problem {
	return a.place(t, attr, diag.Errorf(diag.Position{}, "", format, args...))
}

// labelProblem is a problem of a target with a label that the named attribute
// gives, at the place where the label is written.
func (a *analysis) labelProblem(t *load.Target, attr string, at label.Label, format string, args ...any) *diag.Problem {
	p := a.problem(t, attr, format, args...)
	p.Position = star.ElementPosition(a.env.Files, t.Position(), attr, func(s string) bool {
		l, err := label.Parse(s, t.Label())
		return err == nil && l == at
	})
	p.Excerpt = star.Line(a.env.Files, p.Position)
	return p
}

// place gives a problem the place and subject of a target.
func (a *analysis) place(t *load.Target, attr string, p *diag.Problem) *diag.Problem {
	files := a.env.Files
	p.Position = star.ArgumentPosition(files, t.Position(), attr)
	p.Excerpt = star.Line(files, p.Position)
	p.Subject = subject(t)
	return p
}

// subject is `rule "name"`.
func subject(t *load.Target) string { return t.Kind() + " \"" + t.Label().Name() + "\"" }
