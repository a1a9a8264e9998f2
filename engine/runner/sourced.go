package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Sources reads the bytes of source artifacts.
type Sources interface {
	// Upload calls put for every file of a.
	Upload(ctx context.Context, a *action.Artifact, put func(ctx context.Context, d digest.Digest, r io.Reader) error) error
}

// Sourced brings the sources and literals of a request into the store before
// next sees it. Only actions that really run pay for it.
type Sourced struct {
	sources Sources
	cas     store.CAS
	trees   tree.Source // holds the directories of source trees
	next    Runner
}

// NewSourced uploads into cas before next runs.
func NewSourced(sources Sources, cas store.CAS, trees tree.Source, next Runner) *Sourced {
	return &Sourced{sources, cas, trees, next}
}

// Run uploads what is missing and runs job.
func (s *Sourced) Run(ctx context.Context, job Job) (*action.Result, error) {
	for _, a := range job.Action.HashedInputs() {
		if err := s.bring(ctx, a, job.Nodes[a]); err != nil {
			return nil, err
		}
	}
	return s.next.Run(ctx, job)
}

func (s *Sourced) bring(ctx context.Context, a *action.Artifact, n tree.Node) error {
	switch a.Origin() {
	case action.Literal:
		content, _ := a.Content()
		return s.cas.Put(ctx, n.Digest, bytes.NewReader(content))
	case action.Source:
		return s.upload(ctx, a, n)
	}
	return nil
}

func (s *Sourced) upload(ctx context.Context, a *action.Artifact, n tree.Node) error {
	files, err := s.collect(ctx, n)
	if err != nil {
		return err
	}
	missing, err := s.cas.Missing(ctx, files)
	if err != nil || len(missing) == 0 {
		return err
	}
	err = s.sources.Upload(ctx, a, s.cas.Put)
	if errors.As(err, new(*store.Mismatch)) {
		return changed(a)
	}
	if err != nil {
		return fmt.Errorf("source %s: %w", a, err)
	}
	if missing, err = s.cas.Missing(ctx, missing); len(missing) > 0 {
		return changed(a)
	}
	return err
}

// changed: somebody has written to a source after the key of the action was
// made of it.
func changed(a *action.Artifact) error {
	return &diag.Problem{
		Subject: a.Owner().Short(),
		Text:    "the source has changed during the build",
		Hint:    "build again, when nothing writes to it",
	}
}

// collect stores the directories of a source tree and lists its files.
func (s *Sourced) collect(ctx context.Context, n tree.Node) ([]digest.Digest, error) {
	var files []digest.Digest
	err := tree.Walk(ctx, s.trees, n, func(_ string, n tree.Node) error {
		switch n.Kind {
		case tree.File:
			files = append(files, n.Digest)
		case tree.Dir:
			d, err := s.trees.Directory(ctx, n.Digest)
			if err != nil {
				return err
			}
			return s.cas.Put(ctx, d.Digest(), bytes.NewReader(d.Encoded()))
		}
		return nil
	})
	return files, err
}
