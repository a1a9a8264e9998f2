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
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// maxRebuilds bounds how often one action is tried again because an input had
// vanished: a store that loses blobs as fast as they come is a broken disk.
const maxRebuilds = 5

// perform makes the request of a task, runs it and publishes its outputs.
func (x *execution) perform(ctx context.Context, t *task) (*action.Result, error) {
	clock := &stopwatch{began: time.Now()}
	request, result, err := x.attempt(ctx, t.id, t.action, x.Runner, clock)
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
	if err != nil {
		return nil, err
	}
	x.publish(t.action, result)
	return result, nil
}

// stopwatch tells how long an action took: from when it was really begun, not
// from when it began to wait for its turn.
type stopwatch struct{ began time.Time }

// logPath is where the log of an action is that ran or failed and printed
// something.
func (x *execution) logPath(r *action.Request, result *action.Result) string {
	if r == nil || result != nil && (result.Cached || result.Log.IsZero()) {
		return ""
	}
	return x.LogPath(r.Key)
}

func spent(r *action.Result) event.Spent {
	if r == nil {
		return event.Spent{}
	}
	return event.Spent(r.Spent)
}

func outcomeOf(ctx context.Context, r *action.Result, err error) event.Outcome {
	switch {
	case err != nil && ctx.Err() != nil:
		return event.Cancelled
	case err != nil:
		return event.Failed
	case r.Cached:
		return event.Cached
	}
	return event.Ran
}

// attempt runs an action. If an input has vanished from the store, whoever
// makes it runs again first.
func (x *execution) attempt(ctx context.Context, id event.ActionID, a *action.Action, with runner.Runner, clock *stopwatch) (*action.Request, *action.Result, error) {
	for tries := 0; ; tries++ {
		request, err := x.request(ctx, a)
		if err == nil {
			var result *action.Result
			if result, err = with.Run(ctx, x.job(id, request, clock)); err == nil {
				return request, result, nil
			}
		}
		var missing *store.Missing
		if !errors.As(err, &missing) || tries == maxRebuilds {
			return request, nil, err
		}
		x.Events.Hear(event.Note{Text: fmt.Sprintf("%s: %v; making it again", a.Owner().Short(), missing)})
		if err := x.rebuild(ctx, id, a, missing.Digest); err != nil {
			return request, nil, err
		}
	}
}

func (x *execution) job(id event.ActionID, r *action.Request, clock *stopwatch) runner.Job {
	return runner.Job{
		Request: r,
		Output:  x.listener(id, r.Action),
		Started: func() {
			clock.began = time.Now()
			x.Events.Hear(event.ActionStarted{
				ID:       id,
				Owner:    r.Action.Owner(),
				Mnemonic: r.Action.Mnemonic(),
				Message:  r.Action.Message(),
				Command:  r.Action.CommandLine(),
				Time:     clock.began,
			})
		},
		Progress: func(done, total int64) {
			x.Events.Hear(event.ActionProgress{ID: id, Done: done, Total: total})
		},
	}
}

// request makes the request of an action whose producers are done.
func (x *execution) request(ctx context.Context, a *action.Action) (*action.Request, error) {
	if err := x.lookups.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer x.lookups.Release(1)
	nodes := make(map[*action.Artifact]tree.Node, len(a.HashedInputs()))
	for _, in := range a.HashedInputs() {
		n, err := x.node(ctx, in)
		if err != nil {
			return nil, err
		}
		nodes[in] = n
	}
	return NewRequest(ctx, a, nodes, x.Trees)
}

// node is the content of an artifact that is a source, a literal or made.
func (x *execution) node(ctx context.Context, a *action.Artifact) (tree.Node, error) {
	switch a.Origin() {
	case action.Source:
		return x.Sources.Node(ctx, a, x.Trees)
	case action.Literal:
		content, executable := a.Content()
		return tree.NewFile(digest.Of(content), executable), nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.nodes[a], nil
}

func (x *execution) publish(a *action.Action, r *action.Result) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range a.Outputs() {
		x.nodes[o.Artifact] = r.Outputs[o.Name]
	}
}

// rebuild runs the producers of those inputs of a that hold the missing blob.
func (x *execution) rebuild(ctx context.Context, id event.ActionID, a *action.Action, missing digest.Digest) error {
	found := false
	for _, in := range a.HashedInputs() {
		if in.Origin() != action.Derived {
			continue
		}
		n, err := x.node(ctx, in)
		if err != nil {
			return err
		}
		if !x.holds(ctx, n, missing) {
			continue
		}
		found = true
		if err := x.remake(ctx, id, in); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s of %s: %w", a.Mnemonic(), a.Owner(), &store.Missing{Digest: missing})
	}
	return nil
}

// remake runs the producer of an artifact without asking the cache.
func (x *execution) remake(ctx context.Context, id event.ActionID, a *action.Artifact) error {
	_, result, err := x.attempt(ctx, id, a.Producer(), x.Fresh, new(stopwatch))
	if err != nil {
		return err
	}
	x.publish(a.Producer(), result)
	return nil
}

// holds reports whether the blob is n, or in it. A tree that cannot be walked
// has lost something and counts as holding it.
func (x *execution) holds(ctx context.Context, n tree.Node, missing digest.Digest) bool {
	found := false
	err := tree.Walk(ctx, x.Trees, n, func(_ string, n tree.Node) error {
		found = found || n.Digest == missing
		return nil
	})
	return found || err != nil
}

// deliver makes sure that a wanted artifact can be read. ok is false if it was
// not made.
func (x *execution) deliver(ctx context.Context, a *action.Artifact) (n tree.Node, ok bool, err error) {
	for tries := 0; ; tries++ {
		n, err := x.node(ctx, a)
		if err != nil || n == (tree.Node{}) {
			return n, false, err
		}
		err = x.Deliver(ctx, a, n)
		if !errors.Is(err, store.ErrMissing) || a.Origin() != action.Derived || tries == maxRebuilds {
			return n, true, err
		}
		x.Events.Hear(event.Note{Text: fmt.Sprintf("%s: %v; making it again", a, err)})
		if err := x.remake(ctx, -1, a); err != nil {
			return n, true, err
		}
	}
}
