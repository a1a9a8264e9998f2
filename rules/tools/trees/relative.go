package trees

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/tree"
)

// relativeLinks is the directory n, which lies at p in a tree, with absolute
// symbolic links made relative: "/" was the root of the tree, wherever it will be.
func relativeLinks(ctx context.Context, store tree.Store, p string, n tree.Node) (tree.Node, error) {
	d, err := store.Directory(ctx, n.Digest)
	if err != nil {
		return tree.Node{}, err
	}
	entries := slices.Clone(d.Entries())
	for i, e := range entries {
		switch {
		case e.Node.Kind == tree.Dir:
			entries[i].Node, err = relativeLinks(ctx, store, path.Join(p, e.Name), e.Node)
			if err != nil {
				return tree.Node{}, err
			}
		case e.Node.Kind == tree.Symlink && path.IsAbs(e.Node.Target):
			entries[i].Node = tree.NewLink(relativeTarget(p, e.Node.Target))
		}
	}
	if slices.Equal(entries, d.Entries()) {
		return n, nil
	}
	return put(ctx, store, entries)
}

// relativeTarget is how a link in the directory dir ("" is the root) names what is
// at an absolute path.
func relativeTarget(dir, target string) string {
	up := ""
	if dir != "" {
		up = strings.Repeat("../", strings.Count(dir, "/")+1)
	}
	return path.Clean(up + strings.TrimPrefix(path.Clean(target), "/"))
}
