package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Store is a store in memory. It may be used by many goroutines.
type Store struct {
	blobs   sync.Map // digest.Digest -> []byte
	results Results
}

// New returns an empty store.
func New() *Store {
	s := &Store{}
	s.results.cas = s
	return s
}

// Results is the action cache of the store.
func (s *Store) Results() *Results { return &s.results }

// Missing returns those of the digests that are not here. The empty blob always
// is.
func (s *Store) Missing(ctx context.Context, ds []digest.Digest) ([]digest.Digest, error) {
	var missing []digest.Digest
	for _, d := range ds {
		if _, ok := s.blob(d); !ok {
			missing = append(missing, d)
		}
	}
	return missing, ctx.Err()
}

func (s *Store) blob(d digest.Digest) ([]byte, bool) {
	if d == digest.Empty {
		return nil, true
	}
	b, ok := s.blobs.Load(d)
	if !ok {
		return nil, false
	}
	return b.([]byte), true
}

// Open opens a blob.
func (s *Store) Open(ctx context.Context, d digest.Digest) (action.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, ok := s.blob(d)
	if !ok {
		return nil, &store.Missing{Digest: d}
	}
	return reader{bytes.NewReader(b)}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Put stores the bytes of r, which must have the digest d.
func (s *Store) Put(ctx context.Context, d digest.Digest, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, ok := s.blob(d); ok {
		return nil
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if got := digest.Of(b); got != d {
		return &store.Mismatch{Want: d, Got: got}
	}
	s.blobs.Store(d, b)
	return nil
}

// Create starts a blob whose digest is not known yet.
func (s *Store) Create(ctx context.Context) (store.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &writer{s: s}, nil
}

// Remove takes a blob away, as a cache does that has no room for it.
func (s *Store) Remove(d digest.Digest) { s.blobs.Delete(d) }

type writer struct {
	s    *Store
	b    bytes.Buffer
	done bool // after Commit or Close
}

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fs.ErrClosed
	}
	return w.b.Write(p)
}

func (w *writer) Commit() (digest.Digest, error) {
	if w.done {
		return digest.Digest{}, fs.ErrClosed
	}
	w.done = true
	d := digest.Of(w.b.Bytes())
	w.s.blobs.Store(d, w.b.Bytes())
	return d, nil
}

func (w *writer) Close() error {
	w.done = true
	return nil
}

// Results is the action cache of a Store.
type Results struct {
	cas     *Store
	results sync.Map // digest.Digest -> []byte, an encoded result
}

// Get finds the result of r and sees that all it names is here.
func (c *Results) Get(ctx context.Context, r *action.Request) (*action.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, ok := c.results.Load(r.Key)
	if !ok {
		return nil, store.ErrMissing
	}
	result, err := action.DecodeResult(r.Action, b.([]byte))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrMissing, err)
	}
	if err := c.complete(ctx, result); err != nil {
		return nil, err
	}
	result.Cached = true
	return result, nil
}

// complete is a *store.Missing when something that r names is not here.
func (c *Results) complete(ctx context.Context, r *action.Result) error {
	trees := store.NewTrees(c.cas)
	blobs := []digest.Digest{}
	if !r.Log.IsZero() {
		blobs = append(blobs, r.Log)
	}
	for _, n := range r.Outputs {
		err := tree.Walk(ctx, trees, n, func(_ string, n tree.Node) error {
			if n.Kind == tree.File {
				blobs = append(blobs, n.Digest)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	missing, err := c.cas.Missing(ctx, blobs)
	if err == nil && len(missing) > 0 {
		err = &store.Missing{Digest: missing[0]}
	}
	return err
}

// Put records a result, at once.
func (c *Results) Put(ctx context.Context, r *action.Request, result *action.Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.results.Store(r.Key, result.Encode())
	return nil
}
