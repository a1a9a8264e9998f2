package disk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/engine/wire"
)

const resultFormat = "appliance result 1"

// Results is the action cache of a Store.
type Results struct {
	s        *Store
	interval time.Duration

	mu      sync.Mutex
	pending map[digest.Digest]*record // not durable yet

	commit   sync.Mutex // held by whoever commits
	unsynced bool       // results were renamed into place after the last sync; under commit

	wake chan struct{} // something is pending; capacity 1
	stop chan struct{} // closed by close
	done chan struct{} // closed when the committer is gone
}

// record is an encoded result.
type record struct{ body []byte }

func newResults(s *Store, interval time.Duration) *Results {
	r := &Results{
		s: s, interval: interval,
		pending: map[digest.Digest]*record{},
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go r.commitAll()
	return r
}

// Get finds the result of r and sees that all it names is here. Results that
// were Put and are not durable yet are found by this process only.
func (c *Results) Get(ctx context.Context, r *action.Request) (*action.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := c.load(r.Key)
	if err != nil {
		return nil, err
	}
	result, err := action.DecodeResult(r.Action, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrMissing, err)
	}
	if err := c.s.holdsResult(ctx, result); err != nil {
		return nil, err
	}
	result.Cached = true
	return result, nil
}

// Put records a result. It is on disk after everything it names is durable: see
// Store.Flush.
func (c *Results) Put(ctx context.Context, r *action.Request, result *action.Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	one := &record{result.Encode()}
	c.mu.Lock()
	c.pending[r.Key] = one
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// load finds an encoded result.
func (c *Results) load(key digest.Digest) ([]byte, error) {
	c.mu.Lock()
	one := c.pending[key]
	c.mu.Unlock()
	if one != nil {
		return one.body, nil
	}
	return c.s.readRecord(c.s.at("ac", key), resultFormat)
}

// holdsResult is a *store.Missing when something that the result names is not
// here.
func (s *Store) holdsResult(ctx context.Context, r *action.Result) error {
	for _, n := range r.Outputs {
		if err := s.holdsNode(ctx, n); err != nil {
			return err
		}
	}
	if r.Log.IsZero() {
		return nil
	}
	return s.holdsBlob(r.Log)
}

func (s *Store) holdsNode(ctx context.Context, n tree.Node) error {
	switch n.Kind {
	case tree.File:
		return s.holdsBlob(n.Digest)
	case tree.Dir:
		return s.holdsTree(ctx, n.Digest)
	}
	return nil
}

func (s *Store) holdsBlob(d digest.Digest) error {
	ok, err := s.has(d)
	if err == nil && !ok {
		return &store.Missing{Digest: d}
	}
	return err
}

// holdsTree asks for the Directory and then for the materialised tree, which is
// complete if it exists, or else for everything in it. Trees that share
// directories are gone through once.
func (s *Store) holdsTree(ctx context.Context, d digest.Digest) error {
	if err := s.holdsBlob(d); err != nil {
		return err
	}
	there, err := s.touchTree(s.at("trees", d))
	if there || err != nil {
		return err
	}
	if _, seen := s.complete.Load(d); seen {
		return nil
	}
	dir, err := s.trees.Directory(ctx, d)
	if err != nil {
		return err
	}
	for _, e := range dir.Entries() {
		if err := s.holdsNode(ctx, e.Node); err != nil {
			return err
		}
	}
	s.complete.Store(d, struct{}{})
	return nil
}

// needs are the blobs and trees that an encoded result names.
func needs(body []byte) (blobs, trees []digest.Digest, err error) {
	w, err := wire.DecodeActionResult(body)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range w.Files {
		blobs = append(blobs, f.Digest)
	}
	for _, d := range w.Directories {
		trees = append(trees, d.Root)
	}
	if !w.Stdout.IsZero() {
		blobs = append(blobs, w.Stdout)
	}
	return blobs, trees, nil
}
