package trees

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/tree"
)

// merged are the directories that a merged /usr has at the top as links only
// (Debian's usrmerge; file-hierarchy(7)). Sorted.
var merged = []string{"bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"}

// mergedPath is where a path lies when /usr is merged.
func mergedPath(p string) string {
	first, _, _ := strings.Cut(p, "/")
	if slices.Contains(merged, first) {
		return path.Join("usr", p)
	}
	return p
}

// addMerged adds root to b as if it had been unpacked over a merged /usr.
//
// Moving a directory one level down would break its relative links that climb up
// to the root, so they climb once more. A link that would then point to itself,
// such as /bin/x -> /usr/bin/x, was there for an unmerged /usr and goes.
func addMerged(ctx context.Context, store tree.Store, root tree.Node, add func(p string, n tree.Node) error) error {
	d, err := store.Directory(ctx, root.Digest)
	if err != nil {
		return err
	}
	for _, e := range d.Entries() {
		n := e.Node
		switch {
		case e.Name == "usr" && n.Kind == tree.Dir:
			n, err = relinkUsr(ctx, store, n)
		case !slices.Contains(merged, e.Name):
		case n.Kind == tree.Dir:
			n, err = relinker{store, true}.directory(ctx, e.Name, n)
		case n.Kind == tree.Symlink && path.Join("/", n.Target) == "/usr/"+e.Name:
			continue
		default:
			err = fmt.Errorf("usr_merge: top-level %q is a %s, want a directory or a link to usr/%s", e.Name, n.Kind, e.Name)
		}
		if err != nil {
			return err
		}
		if err := add(mergedPath(e.Name), n); err != nil {
			return err
		}
	}
	return nil
}

// relinkUsr drops from /usr the links that would point to themselves.
func relinkUsr(ctx context.Context, store tree.Store, usr tree.Node) (tree.Node, error) {
	d, err := store.Directory(ctx, usr.Digest)
	if err != nil {
		return tree.Node{}, err
	}
	entries := slices.Clone(d.Entries())
	for i, e := range entries {
		if e.Node.Kind != tree.Dir || !slices.Contains(merged, e.Name) {
			continue
		}
		entries[i].Node, err = relinker{store, false}.directory(ctx, path.Join("usr", e.Name), e.Node)
		if err != nil {
			return tree.Node{}, err
		}
	}
	return put(ctx, store, entries)
}

// relinker rewrites the symbolic links of directories for a merged /usr.
type relinker struct {
	store tree.Store
	moved bool // the directory moves from the top into usr
}

// directory is the directory n, which was at p.
func (r relinker) directory(ctx context.Context, p string, n tree.Node) (tree.Node, error) {
	d, err := r.store.Directory(ctx, n.Digest)
	if err != nil {
		return tree.Node{}, err
	}
	kept := make([]tree.Entry, 0, len(d.Entries()))
	for _, e := range d.Entries() {
		at := path.Join(p, e.Name)
		switch e.Node.Kind {
		case tree.Dir:
			if e.Node, err = r.directory(ctx, at, e.Node); err != nil {
				return tree.Node{}, err
			}
		case tree.Symlink:
			if mergedPath(resolve(at, e.Node.Target)) == mergedPath(at) {
				continue
			}
			e.Node = r.link(at, e.Node)
		}
		kept = append(kept, e)
	}
	if slices.Equal(kept, d.Entries()) {
		return n, nil
	}
	return put(ctx, r.store, kept)
}

// resolve is the path that a link at p means, by its letters.
func resolve(p, target string) string {
	if path.IsAbs(target) {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return strings.TrimPrefix(path.Join("/", path.Dir(p), target), "/")
}

func (r relinker) link(p string, n tree.Node) tree.Node {
	depth := strings.Count(p, "/") // of the directory that holds the link
	if !r.moved || path.IsAbs(n.Target) || climbs(n.Target) < depth {
		return n
	}
	return tree.NewLink("../" + n.Target)
}

// climbs is how many directories up a relative target leads before it goes down.
func climbs(target string) (up int) {
	for rest := path.Clean(target) + "/"; strings.HasPrefix(rest, "../"); rest = rest[3:] {
		up++
	}
	return up
}

// topLinks are the links at the top that lead to what is in usr.
func topLinks(ctx context.Context, src tree.Source, root tree.Node) ([]string, error) {
	usr, ok, err := tree.Lookup(ctx, src, root, "usr")
	if err != nil || !ok || usr.Kind != tree.Dir {
		return nil, err
	}
	d, err := src.Directory(ctx, usr.Digest)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(merged), func(name string) bool {
		_, there := d.Lookup(name)
		return !there
	}), nil
}
