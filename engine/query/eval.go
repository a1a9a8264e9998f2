package query

import (
	"context"
	"errors"
	"slices"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// Eval answers a query: the targets, sorted by label.
func (q *Query) Eval(ctx context.Context, g Graph) ([]label.Label, error) {
	found, err := q.root.eval(ctx, &evaluation{q.text, g}, nil)
	if err != nil {
		return nil, err
	}
	return found.sorted(), nil
}

// evaluation is one answer to a query in the making. It walks graphs with lists of
// what to visit next, not by recursion: they are deep, and may have cycles.
type evaluation struct {
	text  string
	graph Graph
}

func (e *evaluation) problem(at int, format string, args ...any) *diag.Problem {
	return problem(e.text, at, format, args...)
}

// located puts the place in the query before an error that has none of its own.
func (e *evaluation) located(ctx context.Context, at int, err error) error {
	var p *diag.Problem
	var list diag.List
	if errors.As(err, &p) || errors.As(err, &list) || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return e.problem(at, "%w", err)
}

// neighbours are the targets one step away from one.
type neighbours func(context.Context, label.Label) ([]label.Label, error)

// reach is all targets at most depth steps away from some, themselves included.
func (e *evaluation) reach(ctx context.Context, from targets, depth int, step neighbours) (targets, error) {
	found := targets{}
	for l := range from {
		found.add(l)
	}
	for edge := from.sorted(); len(edge) > 0 && depth != 0; depth-- {
		var next []label.Label
		for _, l := range edge {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			list, err := step(ctx, l)
			if err != nil {
				return nil, err
			}
			for _, n := range list {
				if !found.has(n) {
					found.add(n)
					next = append(next, n)
				}
			}
		}
		edge = next
	}
	return found, nil
}

// reachBack is reach against the direction of the edges, inside a universe.
func (e *evaluation) reachBack(ctx context.Context, universe, from targets, depth int) (targets, error) {
	users := map[label.Label][]label.Label{}
	for _, l := range universe.sorted() {
		list, err := e.graph.Deps(ctx, l)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			users[d] = append(users[d], l)
		}
	}
	start := targets{}
	for l := range from {
		if universe.has(l) {
			start.add(l)
		}
	}
	return e.reach(ctx, start, depth, func(_ context.Context, l label.Label) ([]label.Label, error) {
		return users[l], nil
	})
}

// path is the targets on one shortest path; none if there is no path.
func (e *evaluation) path(ctx context.Context, from, to targets) (targets, error) {
	before := map[label.Label]label.Label{}
	_, err := e.reach(ctx, from, noLimit, func(ctx context.Context, l label.Label) ([]label.Label, error) {
		list, err := e.graph.Deps(ctx, l)
		for _, n := range list {
			if _, seen := before[n]; !seen && !from.has(n) {
				before[n] = l
			}
		}
		return list, err
	})
	if err != nil {
		return nil, err
	}
	var best []label.Label
	for _, goal := range to.sorted() {
		if trail := trace(before, from, goal); trail != nil && (best == nil || len(trail) < len(best)) {
			best = trail
		}
	}
	found := targets{}
	for _, l := range best {
		found.add(l)
	}
	return found, nil
}

// trace follows a path back to its start; nil if goal was not reached.
func trace(before map[label.Label]label.Label, from targets, goal label.Label) []label.Label {
	trail := []label.Label{goal}
	for !from.has(goal) {
		previous, ok := before[goal]
		if !ok {
			return nil
		}
		trail = append(trail, previous)
		goal = previous
	}
	slices.Reverse(trail)
	return trail
}

// where is the targets that a test holds for.
func (e *evaluation) where(ctx context.Context, in targets, test func(label.Label) (bool, error)) (targets, error) {
	found := targets{}
	for _, l := range in.sorted() {
		ok, err := test(l)
		if err != nil {
			return nil, err
		}
		if ok {
			found.add(l)
		}
	}
	return found, nil
}

// each is the union of what each target stands for.
func (e *evaluation) each(ctx context.Context, in targets, what func(label.Label) ([]label.Label, error)) (targets, error) {
	found := targets{}
	for _, l := range in.sorted() {
		list, err := what(l)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			found.add(n)
		}
	}
	return found, nil
}
