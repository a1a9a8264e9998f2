package trees

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Select is the part of the directory root that wanted names. A directory is in
// it if something below is, or if it is empty and named itself. Subtrees that are
// taken whole keep their digest; new directories go to store.
func Select(ctx context.Context, store tree.Store, root tree.Node, wanted Selection) (tree.Node, error) {
	n, _, err := wanted.cut(ctx, store, "", root)
	return n, err
}

// cut is what is wanted of the directory n at p; some is false for nothing.
func (s Selection) cut(ctx context.Context, store tree.Store, p string, n tree.Node) (part tree.Node, some bool, err error) {
	if s.All() || len(s.exclude) == 0 && covers(s.include, p) {
		return n, true, nil
	}
	d, err := store.Directory(ctx, n.Digest)
	if err != nil {
		return tree.Node{}, false, err
	}
	if len(d.Entries()) == 0 {
		return n, p == "" || s.Has(p), nil
	}
	kept := make([]tree.Entry, 0, len(d.Entries()))
	for _, e := range d.Entries() {
		n, some, err := s.keep(ctx, store, path.Join(p, e.Name), e.Node)
		if err != nil {
			return tree.Node{}, false, err
		}
		if some {
			kept = append(kept, tree.Entry{Name: e.Name, Node: n})
		}
	}
	part, err = put(ctx, store, kept)
	return part, len(kept) > 0, err
}

func (s Selection) keep(ctx context.Context, store tree.Store, p string, n tree.Node) (part tree.Node, some bool, err error) {
	if s.Excluded(p) {
		return tree.Node{}, false, nil
	}
	if n.Kind == tree.Dir {
		return s.cut(ctx, store, p, n)
	}
	return n, s.Has(p), nil
}

// put stores a directory.
func put(ctx context.Context, sink tree.Sink, entries []tree.Entry) (tree.Node, error) {
	d, err := tree.New(entries)
	if err != nil {
		return tree.Node{}, err
	}
	return d.Node(), sink.PutDirectory(ctx, d)
}

// below is the directory at prefix in root.
func below(ctx context.Context, src tree.Source, root tree.Node, prefix string) (tree.Node, error) {
	if prefix == "" {
		return root, nil
	}
	at := root
	parts := strings.Split(prefix, "/")
	for i, part := range parts {
		d, err := src.Directory(ctx, at.Digest)
		if err != nil {
			return tree.Node{}, err
		}
		n, ok := d.Lookup(part)
		if !ok {
			return tree.Node{}, missing(parts[:i+1], d)
		}
		if n.Kind != tree.Dir {
			return tree.Node{}, fmt.Errorf("strip_prefix %q: %q is a %s, want a directory", prefix, path.Join(parts[:i+1]...), n.Kind)
		}
		at = n
	}
	return at, nil
}

// missing is the error for a path that is not there, with the name that was
// meant, if one is near.
func missing(parts []string, d *tree.Directory) error {
	names := make([]string, 0, len(d.Entries()))
	for _, e := range d.Entries() {
		names = append(names, e.Name)
	}
	err := fmt.Errorf("strip_prefix: no directory %q in the tree", path.Join(parts...))
	if near := label.Nearest(parts[len(parts)-1], names); near != "" {
		return fmt.Errorf("%w; did you mean %q?", err, path.Join(path.Join(parts[:len(parts)-1]...), near))
	}
	return err
}

// at is root moved below prefix.
func at(ctx context.Context, sink tree.Sink, root tree.Node, prefix string) (n tree.Node, err error) {
	if prefix == "" {
		return root, nil
	}
	parts := strings.Split(prefix, "/")
	for n = root; len(parts) > 0; parts = parts[:len(parts)-1] {
		n, err = put(ctx, sink, []tree.Entry{{Name: parts[len(parts)-1], Node: n}})
		if err != nil {
			return tree.Node{}, err
		}
	}
	return n, nil
}

// checkPath refuses anything but a clean relative path.
func checkPath(what, p string) error {
	if p == "" || p == "." || p == ".." || path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p, "../") || strings.Contains(p, "\x00") {
		return fmt.Errorf("%s %q: want a clean path relative to the tree", what, p)
	}
	return nil
}

func checkPrefixes(strip, prefix string) error {
	if strip != "" {
		if err := checkPath("strip_prefix", strip); err != nil {
			return err
		}
	}
	if prefix != "" {
		return checkPath("prefix", prefix)
	}
	return nil
}
