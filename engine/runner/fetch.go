package runner

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/fetch"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Downloader gets bytes by their SHA-256 from the first URL that has them.
type Downloader interface {
	Fetch(ctx context.Context, urls []string, sha256 [digest.Size]byte, progress fetch.Progress) (digest.Digest, error)
}

// Fetch runs fetch actions, a bounded number at a time. They take no job
// tokens: they wait for the network.
type Fetch struct {
	downloader Downloader
	places     *semaphore.Weighted
}

// NewFetch downloads at most parallel files at a time.
func NewFetch(d Downloader, parallel int) *Fetch {
	return &Fetch{d, semaphore.NewWeighted(int64(parallel))}
}

// Run downloads the file of a fetch action.
func (f *Fetch) Run(ctx context.Context, job Job) (*action.Result, error) {
	if err := f.places.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer f.places.Release(1)
	job.Started()
	work := job.Action.Work().(*action.Fetch)
	d, err := f.downloader.Fetch(ctx, work.URLs, work.SHA256, job.Progress)
	if err != nil {
		return nil, explainFetch(ctx, job.Action, err)
	}
	return &action.Result{Outputs: map[string]tree.Node{work.Output.Name: tree.NewFile(d, false)}}, nil
}

// explainFetch says which target wanted the download.
func explainFetch(ctx context.Context, a *action.Action, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return failure(a, "failed: "+err.Error(), err)
}
