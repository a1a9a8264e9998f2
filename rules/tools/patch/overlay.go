package patch

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// maxFile is the largest file in bytes that can be patched: it is held in memory.
const maxFile = 256 << 20

// content is a file of the tree while patches work on it.
type content struct {
	bytes      []byte // of a symbolic link: its target
	executable bool
	symlink    bool
	gone       bool // there is no such file (any more)
}

// overlay is a tree with changes on top. Files are read when they are asked for.
type overlay struct {
	ctx   context.Context
	trees tree.Source
	open  func(context.Context, digest.Digest) (action.Blob, error)
	root  tree.Node
	files map[string]*content // what was read or made
	dirty map[string]bool     // the paths of files that changed, and the directories above
}

// file is the file or symbolic link at p; gone if there is none. A directory is an
// error.
func (o *overlay) file(p string) (*content, error) {
	if c, ok := o.files[p]; ok {
		return c, nil
	}
	n, ok, err := tree.Lookup(o.ctx, o.trees, o.root, p)
	if err != nil {
		return nil, err
	}
	c := &content{gone: !ok, executable: n.Executable}
	switch {
	case !ok:
	case n.Kind == tree.Dir:
		return nil, fmt.Errorf("%q is a directory", p)
	case n.Kind == tree.Symlink:
		c.symlink, c.bytes = true, []byte(n.Target)
	default:
		if c.bytes, err = o.read(p, n.Digest); err != nil {
			return nil, err
		}
	}
	o.files[p] = c
	return c, nil
}

func (o *overlay) read(p string, d digest.Digest) ([]byte, error) {
	if d.Size() > maxFile {
		return nil, fmt.Errorf("%q has %d bytes, want at most %d", p, d.Size(), int64(maxFile))
	}
	blob, err := o.open(o.ctx, d)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// has reports whether there is a file or link at p.
func (o *overlay) has(p string) bool {
	c, err := o.file(p)
	return err == nil && !c.gone
}

// set makes c the file at p.
func (o *overlay) set(p string, c *content) error {
	if !c.gone {
		if err := o.checkParents(p); err != nil {
			return err
		}
	}
	o.files[p] = c
	for ; p != "."; p = path.Dir(p) {
		o.dirty[p] = true
	}
	return nil
}

// checkParents refuses to write through anything but directories.
func (o *overlay) checkParents(p string) error {
	for up := path.Dir(p); up != "."; up = path.Dir(up) {
		if c, ok := o.files[up]; ok && !c.gone {
			return fmt.Errorf("%q cannot be made: %q is no directory", p, up)
		}
		n, ok, err := tree.Lookup(o.ctx, o.trees, o.root, up)
		if err != nil {
			return err
		}
		if _, known := o.files[up]; ok && !known && n.Kind != tree.Dir {
			return fmt.Errorf("%q cannot be made: %q is a %s", p, up, n.Kind)
		}
	}
	return nil
}

// write puts the whole into w. What did not change is added by its digest.
func (o *overlay) write(w action.TreeWriter) error {
	written := map[string]bool{}
	if err := o.writeDirectory(w, "", o.root.Digest, written); err != nil {
		return err
	}
	for _, p := range sorted(o.dirty) {
		if c, ok := o.files[p]; ok && !c.gone && !written[p] {
			if err := c.write(w, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeDirectory writes what was in a directory before.
func (o *overlay) writeDirectory(w action.TreeWriter, dir string, d digest.Digest, written map[string]bool) error {
	at, err := o.trees.Directory(o.ctx, d)
	if err != nil {
		return err
	}
	for _, e := range at.Entries() {
		p := strings.TrimPrefix(dir+"/"+e.Name, "/")
		c, changed := o.files[p]
		switch {
		case !o.dirty[p]:
			err = w.Add(p, e.Node)
		case !changed:
			err = o.writeDirectory(w, p, e.Node.Digest, written)
		case !c.gone:
			err = c.write(w, p)
		}
		if err != nil {
			return err
		}
		written[p] = changed
	}
	return nil
}

func (c *content) write(w action.TreeWriter, p string) error {
	if c.symlink {
		return w.Symlink(p, string(c.bytes))
	}
	f, err := w.File(p, c.executable)
	if err != nil {
		return err
	}
	if _, err := f.Write(c.bytes); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
