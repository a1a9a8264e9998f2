package tree

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Source finds directories by digest. A directory that is not there is an
// error.
type Source interface {
	Directory(ctx context.Context, d digest.Digest) (*Directory, error)
}

// Sink keeps directories.
type Sink interface {
	PutDirectory(ctx context.Context, d *Directory) error
}

// Store is both.
type Store interface {
	Source
	Sink
}

// SkipDir, returned by a WalkFunc for a directory, skips what is in it.
var SkipDir = fmt.Errorf("skip this directory")

// WalkFunc is called for each node; p is relative to the root, "" for the root
// itself.
type WalkFunc func(p string, n Node) error

// Walk visits root and all below it, parents first, names in byte order.
func Walk(ctx context.Context, src Source, root Node, visit WalkFunc) error {
	return walk(ctx, src, "", root, visit)
}

func walk(ctx context.Context, src Source, p string, n Node, visit WalkFunc) error {
	err := visit(p, n)
	if n.Kind == Dir && err == SkipDir {
		return nil
	}
	if err != nil || n.Kind != Dir {
		return err
	}
	d, err := src.Directory(ctx, n.Digest)
	if err != nil {
		return err
	}
	for _, e := range d.entries {
		if err := walk(ctx, src, path.Join(p, e.Name), e.Node, visit); err != nil {
			return err
		}
	}
	return nil
}

// Lookup finds the node at a clean relative path below root, without following
// symbolic links; ok is false if there is none.
func Lookup(ctx context.Context, src Source, root Node, p string) (n Node, ok bool, err error) {
	n = root
	if p == "" || p == "." {
		return n, true, nil
	}
	for _, name := range strings.Split(p, "/") {
		if n.Kind != Dir {
			return Node{}, false, nil
		}
		d, err := src.Directory(ctx, n.Digest)
		if err != nil {
			return Node{}, false, err
		}
		if n, ok = d.Lookup(name); !ok {
			return Node{}, false, nil
		}
	}
	return n, true, nil
}
