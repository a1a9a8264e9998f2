package execute

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Sources tells the content of source artifacts; their directories go into sink.
type Sources interface {
	Node(ctx context.Context, a *action.Artifact, sink tree.Sink) (tree.Node, error)
}

// Config is what an execution works with.
type Config struct {
	Sources Sources
	Runner  runner.Runner // with its caches
	Fresh   runner.Runner // without: for results whose content has vanished
	Trees   tree.Store    // directories of sources and input roots; may be memory
	// Deliver makes sure that a wanted artifact can be read where the build runs; a
	// *store.Missing makes its producer run again.
	Deliver   func(ctx context.Context, a *action.Artifact, n tree.Node) error
	LogPath   func(key digest.Digest) string // where the runner has kept what an action printed, "" if nowhere
	Events    event.Sink
	Lookups   int  // how many keys are made and looked up at a time
	KeepGoing bool // after a failure, still do all that does not depend on it
	Tests     Tests
}

// Outcome is what came of it.
type Outcome struct {
	Nodes  map[*action.Artifact]tree.Node // of the wanted artifacts that could be made
	Ran    int
	Cached int
	Tests  []TestOutcome // in the order of Config.Tests
}

// Run makes the wanted artifacts and runs the tests. Its error is a diag.List of
// all failures, or the context's; that a test fails is none. The Outcome is not
// nil in either case.
func Run(ctx context.Context, wanted []*action.Artifact, c Config) (*Outcome, error) {
	tasks, err := table(wanted, c.Tests)
	if err != nil {
		return &Outcome{}, err
	}
	x := &execution{
		Config:  c,
		nodes:   map[*action.Artifact]tree.Node{},
		finish:  make(chan finished),
		lookups: semaphore.NewWeighted(int64(max(1, c.Lookups))),
		stream:  semaphore.NewWeighted(1),
	}
	c.Events.Hear(event.Scheduled{Actions: len(tasks)})
	start := time.Now()
	ctx, x.cancel = context.WithCancel(ctx)
	defer x.cancel()
	x.schedule(ctx, tasks)
	outcome := x.outcome(ctx, wanted)
	outcome.Tests = testOutcomes(tasks, c.Tests)
	x.Events.Hear(event.Executed{Ran: x.ran, Cached: x.cached, Failed: len(x.failures), Skipped: x.skipped, Took: time.Since(start)})
	if err := x.err(); err != nil {
		return outcome, err
	}
	return outcome, context.Cause(ctx)
}

// execution is one Run.
type execution struct {
	Config
	cancel  context.CancelFunc
	finish  chan finished
	lookups *semaphore.Weighted
	stream  *semaphore.Weighted // held by the test whose output is shown

	mu    sync.Mutex
	nodes map[*action.Artifact]tree.Node // all that is known so far

	// owned by the scheduler's goroutine
	failures             []finished
	problems             diag.List // with what was made
	ran, cached, skipped int
}

// finished is what a task's goroutine tells the scheduler.
type finished struct {
	task   *task
	result *action.Result
	err    error
}

// schedule runs tasks until none is left: it starts what is ready, and each
// one that is done makes others ready.
func (x *execution) schedule(ctx context.Context, tasks []*task) {
	active := 0
	start := func(t *task) {
		t.move(running)
		active++
		go func() {
			perform := x.perform
			if t.run > 0 {
				perform = x.performTest
			}
			result, err := perform(ctx, t)
			x.finish <- finished{t, result, err}
		}()
	}
	for _, t := range tasks {
		if t.missing == 0 {
			start(t)
		}
	}
	for active > 0 {
		f := <-x.finish
		active--
		if f.err != nil {
			x.fail(ctx, f)
			continue
		}
		for _, t := range x.complete(f) {
			if ctx.Err() == nil {
				start(t)
			}
		}
	}
}

// complete records a result and returns the tasks that have become ready.
func (x *execution) complete(f finished) (ready []*task) {
	f.task.move(done)
	if f.result.Cached {
		x.cached++
	} else {
		x.ran++
	}
	for _, t := range f.task.wanted {
		if t.missing--; t.missing == 0 && t.state == waiting {
			ready = append(ready, t)
		}
	}
	return ready
}

// fail records a failure, gives up on all that needs the task, and, unless told
// to keep going, on everything else.
func (x *execution) fail(ctx context.Context, f finished) {
	stopped := ctx.Err() != nil && errors.Is(f.err, context.Canceled)
	f.task.move(failed)
	x.skip(f.task)
	if stopped {
		return
	}
	x.failures = append(x.failures, f)
	if !x.KeepGoing {
		x.cancel()
	}
}

// err is all that went wrong, in the order of the plan, which is the same
// every time.
func (x *execution) err() error {
	slices.SortFunc(x.failures, func(a, b finished) int { return cmp.Compare(a.task.id, b.task.id) })
	var all diag.List
	for _, f := range x.failures {
		all.Add(asProblem(f.err))
	}
	return append(all, x.problems...).Err()
}

// asProblem makes a plain error, which is trouble with this machine, a problem
// of that kind.
func asProblem(err error) error {
	var p *diag.Problem
	var list diag.List
	if errors.As(err, &p) || errors.As(err, &list) {
		return err
	}
	return &diag.Problem{Kind: diag.Environment, Text: err.Error(), Cause: err}
}

func (x *execution) skip(t *task) {
	for _, w := range t.wanted {
		if w.state == waiting {
			w.move(failed)
			x.skipped++
			x.skip(w)
		}
	}
}

// outcome gathers the wanted nodes.
func (x *execution) outcome(ctx context.Context, wanted []*action.Artifact) *Outcome {
	o := &Outcome{Nodes: map[*action.Artifact]tree.Node{}, Ran: x.ran, Cached: x.cached}
	for _, a := range wanted {
		n, ok, err := x.deliver(ctx, a)
		if err != nil && ctx.Err() == nil {
			x.problems.Add(asProblem(err))
		}
		if ok && err == nil {
			o.Nodes[a] = n
		}
	}
	return o
}

// key is the digest of a request, zero while there is none.
func key(r *action.Request) digest.Digest {
	if r == nil {
		return digest.Digest{}
	}
	return r.Key
}
