package tree

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// Builder composes a tree from nodes at paths. A subtree that was added whole
// and never touched again is taken over by its digest, without being read, so
// that laying a package over a tool root of thousands of files costs a few
// directories.
//
// A Builder is for one goroutine.
type Builder struct {
	src  Source
	root *branch
}

// branch is a position in the tree under construction: either a finished node,
// or an open directory with children.
type branch struct {
	node     Node // meaningful while children is nil
	origin   string
	children map[string]*branch
}

// Conflict: two origins want different things at one path.
type Conflict struct {
	Path          string
	First, Second string // the origins, as they were given to Add
	Nodes         [2]Node
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("path %q: %s of %s and %s of %s differ", c.Path, c.Nodes[0].Kind, c.First, c.Nodes[1].Kind, c.Second)
}

// NewBuilder starts with an empty directory. src finds the directories of what
// will be added.
func NewBuilder(src Source) *Builder {
	return &Builder{src, &branch{children: map[string]*branch{}}}
}

// Add lays n at the clean relative path p ("" is the root, which takes only
// directories). Parents are made. Directories merge; equal nodes are one; any
// other overlap is a *Conflict. origin names whoever adds, for the conflict.
func (b *Builder) Add(ctx context.Context, p string, n Node, origin string) error {
	return b.add(ctx, p, n, origin, false)
}

// Replace is Add, but what n brings wins over what is there.
func (b *Builder) Replace(ctx context.Context, p string, n Node, origin string) error {
	return b.add(ctx, p, n, origin, true)
}

func (b *Builder) add(ctx context.Context, p string, n Node, origin string, replace bool) error {
	if err := checkPath(p); err != nil {
		return err
	}
	if p == "" {
		if n.Kind != Dir {
			return fmt.Errorf("the root of a tree must be a directory, got a %s of %s", n.Kind, origin)
		}
		return b.merge(ctx, b.root, "", n, origin, replace)
	}
	at, names := b.root, strings.Split(p, "/")
	for i, name := range names[:len(names)-1] {
		next := at.children[name]
		if next == nil {
			next = &branch{children: map[string]*branch{}, origin: origin}
			at.children[name] = next
		}
		if err := b.open(ctx, next); err != nil {
			return err
		}
		if next.children == nil {
			if !replace {
				return &Conflict{path.Join(names[:i+1]...), next.origin, origin, [2]Node{next.node, {Kind: Dir}}}
			}
			*next = branch{children: map[string]*branch{}, origin: origin}
		}
		at = next
	}
	return b.put(ctx, at, p, names[len(names)-1], n, origin, replace)
}

func checkPath(p string) error {
	if p != "" && (path.Clean(p) != p || path.IsAbs(p) || p == "." || p == ".." || strings.HasPrefix(p, "../")) {
		return fmt.Errorf("path %q: want a clean relative path", p)
	}
	return nil
}

// put lays n under one name of an open directory.
func (b *Builder) put(ctx context.Context, at *branch, p, name string, n Node, origin string, replace bool) error {
	there := at.children[name]
	switch {
	case there == nil:
		at.children[name] = &branch{node: n, origin: origin}
		return nil
	case there.children == nil && there.node == n:
		return nil
	case n.Kind == Dir && (there.children != nil || there.node.Kind == Dir):
		if err := b.open(ctx, there); err != nil {
			return err
		}
		return b.merge(ctx, there, p, n, origin, replace)
	case replace:
		at.children[name] = &branch{node: n, origin: origin}
		return nil
	}
	return &Conflict{p, there.origin, origin, [2]Node{there.kind(), n}}
}

// merge lays each entry of the directory n into the open directory at.
func (b *Builder) merge(ctx context.Context, at *branch, p string, n Node, origin string, replace bool) error {
	d, err := b.src.Directory(ctx, n.Digest)
	if err != nil {
		return err
	}
	for _, e := range d.entries {
		if err := b.put(ctx, at, path.Join(p, e.Name), e.Name, e.Node, origin, replace); err != nil {
			return err
		}
	}
	return nil
}

// open makes a finished directory ready to take children; other nodes stay.
func (b *Builder) open(ctx context.Context, at *branch) error {
	if at.children != nil || at.node.Kind != Dir {
		return nil
	}
	d, err := b.src.Directory(ctx, at.node.Digest)
	if err != nil {
		return err
	}
	at.children = make(map[string]*branch, len(d.entries))
	for _, e := range d.entries {
		at.children[e.Name] = &branch{node: e.Node, origin: at.origin}
	}
	return nil
}

// kind is the node as far as a conflict tells it.
func (br *branch) kind() Node {
	if br.children != nil {
		return Node{Kind: Dir}
	}
	return br.node
}

// Build puts every new directory into sink, children first, and returns the
// root.
func (b *Builder) Build(ctx context.Context, sink Sink) (Node, error) {
	return b.root.build(ctx, sink)
}

func (br *branch) build(ctx context.Context, sink Sink) (Node, error) {
	if br.children == nil {
		return br.node, nil
	}
	entries := make([]Entry, 0, len(br.children))
	for name, child := range br.children {
		n, err := child.build(ctx, sink)
		if err != nil {
			return Node{}, err
		}
		entries = append(entries, Entry{name, n})
	}
	d, err := New(entries)
	if err != nil {
		return Node{}, err
	}
	return d.Node(), sink.PutDirectory(ctx, d)
}
