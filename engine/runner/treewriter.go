package runner

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// treeWriter builds an output tree of a tool: files go to the CAS as they are
// written, the directories when it is closed.
type treeWriter struct {
	call *call
	name string

	mu      sync.Mutex
	builder *tree.Builder
	leaves  map[string]tree.Node // files and links that are finished, for Link
	claimed map[string]bool      // every path that was given out, directories aside
}

func newTreeWriter(c *call, name string) *treeWriter {
	return &treeWriter{
		call:    c,
		name:    name,
		builder: tree.NewBuilder(c.runner.trees),
		leaves:  map[string]tree.Node{},
		claimed: map[string]bool{},
	}
}

func (t *treeWriter) Directory(p string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p == "" || p == "." {
		return nil
	}
	return t.builder.Add(t.call.ctx, p, tree.Empty.Node(), t.name)
}

func (t *treeWriter) File(p string, executable bool) (io.WriteCloser, error) {
	if err := t.claim(p); err != nil {
		return nil, err
	}
	w, err := t.call.runner.cas.Create(t.call.ctx)
	if err != nil {
		return nil, err
	}
	return t.call.writer(w, func(d digest.Digest) error {
		return t.leaf(p, tree.NewFile(d, executable))
	}), nil
}

func (t *treeWriter) Symlink(p, target string) error {
	if err := t.claim(p); err != nil {
		return err
	}
	return t.leaf(p, tree.NewLink(target))
}

func (t *treeWriter) Link(p, existing string) error {
	if err := t.claim(p); err != nil {
		return err
	}
	t.mu.Lock()
	n, ok := t.leaves[existing]
	t.mu.Unlock()
	if !ok {
		return fmt.Errorf("hard link %q: there is no file %q yet", p, existing)
	}
	return t.leaf(p, n)
}

func (t *treeWriter) Add(p string, n tree.Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.builder.Add(t.call.ctx, p, n, t.name)
}

// Close puts the directories into the store and declares the output.
func (t *treeWriter) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.builder.Build(context.WithoutCancel(t.call.ctx), t.call.runner.trees)
	if err != nil {
		return err
	}
	return t.call.finish(t.name, n)
}

func (t *treeWriter) claim(p string) error {
	if p == "" || path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") {
		return fmt.Errorf("path %q: want a clean relative path", p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.claimed[p] {
		return fmt.Errorf("path %q: written twice", p)
	}
	t.claimed[p] = true
	return nil
}

func (t *treeWriter) leaf(p string, n tree.Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaves[p] = n
	return t.builder.Add(t.call.ctx, p, n, t.name)
}
