package load

import (
	"sync"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// waits is which file waits for which, so that files that load one another in a
// circle are found before they wait for ever. The zero waits is ready.
type waits struct {
	mu    sync.Mutex
	edges map[label.Label][]edge // of files that are not finished
}

// edge is one load statement.
type edge struct {
	from, to label.Label
	pos      diag.Position
}

// wait notes that from is about to wait for to. If that closes a circle it notes
// nothing and gives the circle, which begins at its smallest label whichever of
// its files came last.
func (w *waits) wait(from, to label.Label, pos diag.Position) (cycle []edge) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := edge{from, to, pos}
	if back, ok := w.path(to, from, map[label.Label]bool{}); ok {
		return rotate(append([]edge{e}, back...))
	}
	if w.edges == nil {
		w.edges = map[label.Label][]edge{}
	}
	w.edges[from] = append(w.edges[from], e)
	return nil
}

// path are the edges that lead from a to b; empty when they are the same.
func (w *waits) path(a, b label.Label, seen map[label.Label]bool) ([]edge, bool) {
	if a == b {
		return nil, true
	}
	if seen[a] {
		return nil, false
	}
	seen[a] = true
	for _, e := range w.edges[a] {
		if rest, ok := w.path(e.to, b, seen); ok {
			return append([]edge{e}, rest...), true
		}
	}
	return nil, false
}

func rotate(cycle []edge) []edge {
	first := 0
	for i, e := range cycle {
		if e.from.Compare(cycle[first].from) < 0 {
			first = i
		}
	}
	return append(cycle[first:len(cycle):len(cycle)], cycle[:first]...)
}

// finished notes that nobody waits for what at waited for.
func (w *waits) finished(at label.Label) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.edges, at)
}
