package runner

import (
	"context"
	"errors"

	"golang.org/x/sync/singleflight"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/store"
)

// Cached answers from the action cache and asks next for the rest.
type Cached struct {
	cache store.ActionCache
	next  Runner
}

// NewCached puts cache before next.
func NewCached(cache store.ActionCache, next Runner) *Cached { return &Cached{cache, next} }

// Run returns the cached result of job, if there is one.
func (c *Cached) Run(ctx context.Context, job Job) (*action.Result, error) {
	result, err := c.cache.Get(ctx, job.Request)
	if errors.Is(err, store.ErrMissing) {
		return c.next.Run(ctx, job)
	}
	if err != nil {
		return nil, err
	}
	hit := *result
	hit.Cached = true
	return &hit, nil
}

// Recorded puts what next returns into the action cache. Failures are not
// recorded: they may have been bad luck.
type Recorded struct {
	cache store.ActionCache
	next  Runner
}

// NewRecorded records the results of next in cache.
func NewRecorded(cache store.ActionCache, next Runner) *Recorded { return &Recorded{cache, next} }

// Run runs job and records its result.
func (r *Recorded) Run(ctx context.Context, job Job) (*action.Result, error) {
	result, err := r.next.Run(ctx, job)
	if err != nil {
		return nil, err
	}
	return result, r.cache.Put(ctx, job.Request, result)
}

// Shared runs equal requests that overlap in time once: two configurations of
// a target often plan the same action.
type Shared struct {
	next    Runner
	running singleflight.Group // by key
}

// NewShared shares the runs of next.
func NewShared(next Runner) *Shared { return &Shared{next: next} }

// Run joins a running request with the same key, or starts one.
func (s *Shared) Run(ctx context.Context, job Job) (*action.Result, error) {
	first := false
	v, err, _ := s.running.Do(job.Key.String(), func() (any, error) {
		first = true
		return s.next.Run(ctx, job)
	})
	if err != nil {
		return nil, err
	}
	result := *v.(*action.Result)
	result.Cached = result.Cached || !first
	return &result, nil
}
