package trees

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/tree"
)

// Origin is a tree with a name for whoever has to understand a conflict.
type Origin struct {
	Name string
	Root tree.Node
}

// Plan says how trees become one.
type Plan struct {
	StripPrefix string            // the directory of each tree that is taken; "" is its root
	Wanted      Selection         // of each tree, below StripPrefix
	Relative    bool              // absolute symbolic links of each tree become relative ones
	UsrMerge    bool              // bin, sbin, lib… move into usr, links take their places
	Replace     []string          // patterns of paths where a later tree wins
	Links       map[string]string // symbolic links to add, by path
	EmptyDirs   []string          // directories to add
	Prefix      string            // where the whole is put
}

func (p Plan) check() error {
	if err := checkPrefixes(p.StripPrefix, p.Prefix); err != nil {
		return err
	}
	for _, pattern := range p.Replace {
		if err := checkPattern(pattern); err != nil {
			return fmt.Errorf("replace: %w", err)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(p.Links)) {
		if err := checkPath("links: path", l); err != nil {
			return err
		}
	}
	for _, d := range p.EmptyDirs {
		if err := checkPath("empty_dirs: path", d); err != nil {
			return err
		}
	}
	return nil
}

// Merge lays trees over one another. What they share must be equal, unless
// Replace says that the later one wins; links and empty directories come last.
// Subtrees that come from one tree alone keep their digest.
func Merge(ctx context.Context, store tree.Store, in []Origin, p Plan) (tree.Node, error) {
	if err := p.check(); err != nil {
		return tree.Node{}, err
	}
	m := &merger{p, store, tree.NewBuilder(store)}
	for _, o := range in {
		if err := m.tree(ctx, o); err != nil {
			return tree.Node{}, err
		}
	}
	if err := m.declared(ctx); err != nil {
		return tree.Node{}, err
	}
	root, err := m.builder.Build(ctx, store)
	if err != nil {
		return tree.Node{}, err
	}
	if p.UsrMerge {
		root, err = m.linkTop(ctx, root)
		if err != nil {
			return tree.Node{}, err
		}
	}
	return at(ctx, store, root, p.Prefix)
}

// merger is a Plan on its way.
type merger struct {
	Plan
	store   tree.Store
	builder *tree.Builder
}

func (m *merger) tree(ctx context.Context, o Origin) error {
	root, err := below(ctx, m.store, o.Root, m.StripPrefix)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	root, err = Select(ctx, m.store, root, m.Wanted)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	if m.Relative {
		if root, err = relativeLinks(ctx, m.store, "", root); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	add := func(p string, n tree.Node) error { return m.add(ctx, p, n, o.Name) }
	if m.UsrMerge {
		return addMerged(ctx, m.store, root, add)
	}
	return add("", root)
}

// add lays n at p. Where Replace allows it a conflict is settled and the laying
// taken up again: what is there already does not mind to come twice.
func (m *merger) add(ctx context.Context, p string, n tree.Node, origin string) error {
	for {
		err := m.builder.Add(ctx, p, n, origin)
		var c *tree.Conflict
		if !errors.As(err, &c) {
			return err
		}
		if !covers(m.Replace, c.Path) {
			return fmt.Errorf("%w; exclude one of them, or put %q into replace, so that the later one wins", err, c.Path)
		}
		if err := m.settle(ctx, c, p, n, origin); err != nil {
			return err
		}
	}
}

// settle lets n, which was to be laid at p, win against what is there: at the
// highest directory around the conflict that Replace covers.
func (m *merger) settle(ctx context.Context, c *tree.Conflict, p string, n tree.Node, origin string) error {
	top := c.Path
	for up := path.Dir(top); up != "." && covers(m.Replace, up); up = path.Dir(up) {
		top = up
	}
	rest, inside := top, true
	if p != "" {
		rest, inside = strings.CutPrefix(top, p+"/")
	}
	if !inside {
		return m.builder.Replace(ctx, p, n, origin)
	}
	winner, _, err := tree.Lookup(ctx, m.store, n, rest)
	if err != nil {
		return err
	}
	return m.builder.Replace(ctx, top, winner, origin)
}

// declared adds the links and the empty directories.
func (m *merger) declared(ctx context.Context) error {
	for _, p := range slices.Sorted(maps.Keys(m.Links)) {
		if err := m.add(ctx, m.place(p), tree.NewLink(m.Links[p]), "the declared links"); err != nil {
			return err
		}
	}
	for _, p := range m.EmptyDirs {
		if err := m.store.PutDirectory(ctx, tree.Empty); err != nil {
			return err
		}
		if err := m.add(ctx, m.place(p), tree.Empty.Node(), "the declared empty directories"); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) place(p string) string {
	if m.UsrMerge {
		return mergedPath(p)
	}
	return p
}

// linkTop adds the links of a merged /usr to a root that has it.
func (m *merger) linkTop(ctx context.Context, root tree.Node) (tree.Node, error) {
	names, err := topLinks(ctx, m.store, root)
	if err != nil {
		return tree.Node{}, err
	}
	for _, name := range names {
		if err := m.builder.Add(ctx, name, tree.NewLink("usr/"+name), "usr_merge"); err != nil {
			return tree.Node{}, err
		}
	}
	return m.builder.Build(ctx, m.store)
}
