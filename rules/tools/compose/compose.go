package compose

import (
	"context"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/passwd"
)

// opener opens content by digest.
type opener func(ctx context.Context, d digest.Digest) (action.Blob, error)

// materials are what a root file system is composed of.
type materials struct {
	layers []tree.Node // one for each of arguments.Layers
	keys   [][]byte    // files of SSH public keys
	trees  tree.Source
	open   opener
}

// composed is a whole root file system.
type composed struct {
	manifest  *manifest.Manifest
	generated map[digest.Digest][]byte // files that no layer brought
}

// compose lays the layers, then what they need of those on demand, then what was
// declared, and looks at the whole.
func compose(ctx context.Context, a arguments, m materials) (*composed, error) {
	if err := a.checkPatterns(); err != nil {
		return nil, err
	}
	accounts, err := a.accounts(m.keys)
	if err != nil {
		return nil, err
	}
	files, err := passwd.Tables(accounts)
	if err != nil {
		return nil, err
	}
	names, err := newOwners(files)
	if err != nil {
		return nil, err
	}
	r := newRoot(a.Origin)
	for i, l := range a.Layers {
		if l.OnDemand {
			continue
		}
		if err := r.lay(ctx, m.trees, l, m.layers[i], names); err != nil {
			return nil, err
		}
	}
	if err := r.demand(ctx, a, m, names); err != nil {
		return nil, err
	}
	generated, err := r.declare(a, accounts, files, names)
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx, a, m.open); err != nil {
		return nil, err
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return r.finish(generated)
}

// declare adds accounts, homes and nodes, and applies the rules for the whole.
func (r *root) declare(a arguments, accounts passwd.Accounts, files passwd.Files, names owners) ([]file, error) {
	generated := tables(files, a.Origin)
	for _, f := range generated {
		r.generate(f)
	}
	for i, u := range a.Users {
		more, err := r.house(u, accounts.Users[i], names)
		if err != nil {
			return nil, err
		}
		generated = append(generated, more...)
	}
	for _, n := range a.Nodes {
		in, err := n.inode(names)
		if err != nil {
			return nil, err
		}
		r.put(in, false)
	}
	rules := newRuleSet(a.Rules)
	for _, p := range r.paths() {
		if err := rules.apply(r.inodes[p], names); err != nil {
			return nil, err
		}
	}
	rules.complain(r, a.Origin)
	return generated, nil
}

func (r *root) finish(generated []file) (*composed, error) {
	entries := make([]manifest.Entry, 0, len(r.inodes))
	for _, in := range r.inodes {
		entries = append(entries, in.entry)
	}
	m, err := manifest.New(entries)
	if err != nil {
		return nil, err
	}
	c := &composed{m, map[digest.Digest][]byte{}}
	for _, f := range generated {
		c.generated[f.entry.Digest] = f.content
	}
	return c, nil
}

// write writes the manifest and the tree of contents.
func (c *composed) write(manifestOut io.Writer, contents action.TreeWriter) error {
	if _, err := c.manifest.WriteTo(manifestOut); err != nil {
		return err
	}
	for _, e := range c.manifest.Entries() {
		if err := c.writeEntry(e, contents); err != nil {
			return err
		}
	}
	return nil
}

// writeEntry adds what a tree can hold of an inode.
func (c *composed) writeEntry(e manifest.Entry, contents action.TreeWriter) error {
	switch e.Type {
	case manifest.Directory:
		return contents.Directory(e.Path)
	case manifest.Symlink:
		return contents.Symlink(e.Path, e.Target)
	case manifest.Link:
		return contents.Link(e.Path, e.Target)
	case manifest.File:
		if content, ok := c.generated[e.Digest]; ok {
			return writeFile(contents, e.Path, content)
		}
		return contents.Add(e.Path, tree.NewFile(e.Digest, e.Mode&0o111 != 0))
	}
	return nil
}

func writeFile(contents action.TreeWriter, p string, content []byte) error {
	w, err := contents.File(p, false)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}
