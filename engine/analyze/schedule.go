package analyze

import (
	"context"
	"runtime"
	"sync"

	"github.com/kittyhawk/appliance/engine/diag"
)

// schedule hands out nodes whose dependencies were run.
type schedule struct {
	ready chan *node // holds all nodes if need be, so sending never blocks

	mu         sync.Mutex
	pending    map[*node]int     // dependencies that were not run yet
	dependents map[*node][]*node // who waits for a node
	left       int               // nodes not finished; ready is closed at 0
}

// newSchedule takes nodes that are sorted, dependencies first. An edge that
// leads forward closes a cycle: nobody waits for it, and its node does not run.
func newSchedule(order []*node) *schedule {
	s := &schedule{
		ready:      make(chan *node, len(order)),
		pending:    make(map[*node]int, len(order)),
		dependents: make(map[*node][]*node, len(order)),
		left:       len(order),
	}
	earlier := make(map[*node]bool, len(order))
	for _, n := range order {
		for _, d := range n.edges() {
			if earlier[d.node] {
				s.pending[n]++
				s.dependents[d.node] = append(s.dependents[d.node], n)
			}
		}
		earlier[n] = true
		if s.pending[n] == 0 {
			s.ready <- n
		}
	}
	if len(order) == 0 {
		close(s.ready)
	}
	return s
}

// finished makes those ready that waited for n alone.
func (s *schedule) finished(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.dependents[n] {
		if s.pending[d]--; s.pending[d] == 0 {
			s.ready <- d
		}
	}
	if s.left--; s.left == 0 {
		close(s.ready)
	}
}

// run analyses the nodes, which are sorted, on all cores.
func (a *analysis) run(ctx context.Context, order []*node) error {
	s := newSchedule(order)
	var mu sync.Mutex
	var problems diag.List
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := range s.ready {
				found := a.runNode(ctx, n)
				mu.Lock()
				problems = append(problems, found...)
				mu.Unlock()
				s.finished(n)
			}
		})
	}
	workers.Wait()
	return problems.Err()
}
