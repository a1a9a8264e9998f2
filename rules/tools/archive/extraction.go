package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// entry is one thing of an archive, of whichever format.
type entry struct {
	name       string // as the archive has it
	kind       kind
	executable bool
	target     string // symlink: verbatim; hard link: the name of an entry
	size       int64  // of body
	body       io.Reader
}

type kind uint8

const (
	file kind = iota
	dir
	symlink
	hardlink
)

// extraction writes entries into a tree, after looking at them.
type extraction struct {
	ctx     context.Context
	options Options
	w       action.TreeWriter
	strip   *stripper
	left    int64  // bytes that may still be written
	limit   string // what left was in the beginning
	entries int
	last    string               // the name of the entry before
	nodes   map[string]tree.Node // what is in the tree; the digest of a directory is zero
	links   []string             // the symbolic links in nodes, in order
	buffer  []byte
}

func newExtraction(ctx context.Context, size int64, o Options, w action.TreeWriter) *extraction {
	o.Limits = o.Limits.withDefaults()
	left, limit := o.Limits.bytes(size)
	return &extraction{
		ctx: ctx, options: o, w: w, strip: newStripper(o), left: left, limit: limit,
		nodes:  map[string]tree.Node{"": {Kind: tree.Dir}},
		buffer: make([]byte, 64<<10),
	}
}

// put brings one entry into the tree. Its errors name the entry.
func (x *extraction) put(e entry) error {
	x.entries++
	x.last = e.name
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if x.entries > x.options.Limits.Entries {
		return fmt.Errorf("entry %q: more than %d entries", e.name, x.options.Limits.Entries)
	}
	if err := x.place(e); err != nil {
		return fmt.Errorf("entry %q: %w", e.name, err)
	}
	return nil
}

func (x *extraction) place(e entry) error {
	p, err := cleanName(e.name)
	if err != nil {
		return err
	}
	p, above, err := x.strip.strip(p, e.kind == dir)
	if err != nil || above {
		return err
	}
	if p == "" {
		return wantDirectory(e)
	}
	if !x.options.Selection.Has(p) {
		return nil
	}
	if err := x.parents(p); err != nil {
		return err
	}
	switch e.kind {
	case file:
		return x.file(p, e)
	case dir:
		return x.directory(p)
	case symlink:
		return x.symlink(p, e.target)
	}
	return x.hardlink(p, e)
}

func wantDirectory(e entry) error {
	if e.kind != dir {
		return fmt.Errorf("the root of the tree must be a directory")
	}
	return nil
}

// parents notes the directories above p, which the writer makes by itself, and
// refuses to go through anything else.
func (x *extraction) parents(p string) error {
	at := path.Dir(p)
	if at == "." {
		return nil
	}
	n, ok := x.nodes[at]
	switch {
	case ok && n.Kind == tree.Symlink:
		return fmt.Errorf("would be written through the symbolic link %q -> %q", at, n.Target)
	case ok && n.Kind == tree.File:
		return fmt.Errorf("%q above it is a file", at)
	case ok:
		return nil
	}
	if err := x.parents(at); err != nil {
		return err
	}
	x.nodes[at] = tree.Node{Kind: tree.Dir}
	return nil
}

func (x *extraction) directory(p string) error {
	if there, ok := x.nodes[p]; ok {
		return same(there, tree.Node{Kind: tree.Dir})
	}
	x.nodes[p] = tree.Node{Kind: tree.Dir}
	return x.w.Directory(p)
}

// same is the error for an entry that comes twice and differs.
func same(before, now tree.Node) error {
	switch {
	case before == now:
		return nil
	case before.Kind != now.Kind:
		return fmt.Errorf("is a %s, but an entry before it made the same path a %s", now.Kind, before.Kind)
	case before.Kind == tree.Symlink:
		return fmt.Errorf("links to %q, but an entry before it of the same path links to %q", now.Target, before.Target)
	case before.Digest == now.Digest:
		return fmt.Errorf("comes twice, once executable and once not")
	}
	return fmt.Errorf("comes twice, with different content")
}

// file writes the bytes, or compares them with those of the same path.
func (x *extraction) file(p string, e entry) error {
	if e.size > x.left {
		return x.tooLarge()
	}
	there, twice := x.nodes[p]
	if twice && there.Kind != tree.File {
		return same(there, tree.Node{Kind: tree.File})
	}
	if twice {
		sum, err := x.copy(io.Discard, e.body)
		if err != nil {
			return err
		}
		return same(there, tree.NewFile(sum, e.executable))
	}
	w, err := x.w.File(p, e.executable)
	if err != nil {
		return err
	}
	sum, err := x.copy(w, e.body)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	x.nodes[p] = tree.NewFile(sum, e.executable)
	return nil
}

// copy moves a body within the limits and digests it on the way.
func (x *extraction) copy(w io.Writer, body io.Reader) (digest.Digest, error) {
	h := digest.NewHasher()
	for {
		n, err := body.Read(x.buffer)
		h.Write(x.buffer[:n])
		if x.left -= int64(n); x.left < 0 {
			return digest.Digest{}, x.tooLarge()
		}
		if _, err := w.Write(x.buffer[:n]); err != nil {
			return digest.Digest{}, err
		}
		if err == io.EOF {
			return h.Digest(), nil
		}
		if err != nil {
			return digest.Digest{}, err
		}
	}
}

func (x *extraction) tooLarge() error {
	return fmt.Errorf("the archive unpacks to more than %s", x.limit)
}

func (x *extraction) symlink(p, target string) error {
	if target == "" || strings.Contains(target, "\x00") || len(target) > maxPath {
		return fmt.Errorf("symbolic link to %q: want 1 to %d bytes without NUL", target, maxPath)
	}
	n := tree.NewLink(target)
	if there, ok := x.nodes[p]; ok {
		return same(there, n)
	}
	x.nodes[p] = n
	x.links = append(x.links, p)
	return x.w.Symlink(p, target)
}

// hardlink makes p another name of an entry before it. A link to itself is what
// GNU tar writes for a file that it was told to store twice.
func (x *extraction) hardlink(p string, e entry) error {
	to, err := cleanName(e.target)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", e.target, err)
	}
	to, _, err = x.strip.strip(to, false)
	if err != nil {
		return fmt.Errorf("hard link to %q, which %w", e.target, err)
	}
	n, ok := x.nodes[to]
	switch {
	case !ok && !x.options.Selection.Has(to):
		return fmt.Errorf("hard link to %q, which is not among the selected files; select both or none", e.target)
	case !ok:
		return fmt.Errorf("hard link to %q, which no entry before it is", e.target)
	case n.Kind == tree.Dir:
		return fmt.Errorf("hard link to %q, which is a directory", e.target)
	}
	if n.Kind == tree.Symlink {
		return x.symlink(p, n.Target)
	}
	if there, ok := x.nodes[p]; ok {
		return same(there, n)
	}
	x.nodes[p] = n
	return x.w.Link(p, to)
}
