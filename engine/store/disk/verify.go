package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

// Verify hashes every blob and looks every tree through, on all cores. Blobs that
// are damaged are removed, trees are repaired or removed; bad are the digests of
// what was removed, sorted. Whoever needs them makes them again.
func (s *Store) Verify(ctx context.Context) (bad []digest.Digest, err error) {
	items, err := s.inventory(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify store %s: %w", s.dir, err)
	}
	v := &verification{s: s}
	for _, kind := range []string{"cas", "trees"} { // what is wrong in a tree shows when its blobs are known
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, i := range items {
			if i.kind == kind {
				group.Go(func() error { return v.one(ctx, i) })
			}
		}
		if err := group.Wait(); err != nil {
			return nil, fmt.Errorf("verify store %s: %w", s.dir, err)
		}
	}
	slices.SortFunc(v.bad, digest.Digest.Compare)
	return slices.Compact(v.bad), nil
}

type verification struct {
	s   *Store
	mu  sync.Mutex
	bad []digest.Digest
}

func (v *verification) one(ctx context.Context, i item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ok, err := true, error(nil)
	switch i.kind {
	case "cas":
		ok, err = v.s.verifyBlob(i)
	case "trees":
		ok, err = v.s.verifyTree(ctx, i)
	}
	if err == nil && !ok {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.bad = append(v.bad, i.digest)
	}
	return err
}

func (s *Store) verifyBlob(i item) (ok bool, err error) {
	got, err := s.hash.file(i.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // it went meanwhile
	}
	if exhausted(err) {
		return false, err
	}
	if err == nil && got == i.digest {
		return true, nil
	}
	return false, s.discard(i.path)
}

func (s *Store) verifyTree(ctx context.Context, i item) (ok bool, err error) {
	c := s.checks.of(i.digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	err = s.mend(ctx, i.path, i.digest)
	if errors.Is(err, store.ErrMissing) {
		return false, nil
	}
	c.done = err == nil
	return err == nil, err
}
