package patch

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Options say how patches are read.
type Options struct {
	Strip int // leading directories that are taken off each name, as in patch -p
	Fuzz  int // context lines at the ends of a hunk that may differ, as in patch -F
}

func (o Options) check() error {
	if o.Strip < 0 || o.Strip > 100 {
		return fmt.Errorf("strip: got %d, want 0 to 100", o.Strip)
	}
	if o.Fuzz < 0 || o.Fuzz > 100 {
		return fmt.Errorf("fuzz: got %d, want 0 to 100", o.Fuzz)
	}
	return nil
}

// Base is the tree that is patched.
type Base struct {
	Root  tree.Node
	Trees tree.Source
	Open  func(context.Context, digest.Digest) (action.Blob, error)
}

// Patched is a tree with patches applied, to be written once.
type Patched struct {
	overlay overlay
	options Options
	log     report
}

// New starts with base as it is. Hunks that move are told to log.
func New(ctx context.Context, base Base, o Options, log func(format string, args ...any)) (*Patched, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	over := overlay{ctx, base.Trees, base.Open, base.Root, map[string]*content{}, map[string]bool{}}
	return &Patched{over, o, log}, nil
}

// Apply applies all changes of one patch. After an error the tree is of no use.
// Errors name the line of the patch or the file and hunk.
func (p *Patched) Apply(patch []byte) error {
	changes, err := parse(patch)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := p.overlay.ctx.Err(); err != nil {
			return err
		}
		if err := p.change(c); err != nil {
			return fmt.Errorf("line %d: %w", c.line, err)
		}
	}
	return nil
}

// Write writes the tree. Files and directories without changes are taken over by
// digest; directories that lost their last file are gone.
func (p *Patched) Write(w action.TreeWriter) error { return p.overlay.write(w) }

// change applies one change to one file.
func (p *Patched) change(c *change) error {
	from, to, err := p.names(c)
	if err != nil {
		return err
	}
	old, err := p.overlay.file(from)
	if err != nil {
		return err
	}
	if err := p.checkOld(c, from, to, old); err != nil {
		return err
	}
	next, err := p.edit(c, from, old)
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	if c.from == renamed {
		if err := p.overlay.set(from, &content{gone: true}); err != nil {
			return err
		}
	}
	if c.deleted && len(next.bytes) > 0 {
		return fmt.Errorf("%s: is to be deleted, but differs from what the patch has", to)
	}
	next.gone = c.deleted
	return p.overlay.set(to, next)
}

// names are the paths that are read and written: the same one, but for renames
// and copies.
func (p *Patched) names(c *change) (from, to string, err error) {
	strip := p.options.Strip
	switch {
	case c.created, c.old.text == "/dev/null":
		to, err = c.new.strip(strip)
		return to, to, err
	case c.deleted, c.new.text == "/dev/null":
		from, err = c.old.strip(strip)
		return from, from, err
	case c.git:
		if from, err = c.old.strip(strip); err != nil {
			return "", "", err
		}
		to, err = c.new.strip(strip)
		if c.from == edited && from != to && err == nil {
			return "", "", fmt.Errorf("names %q and %q differ, but no line tells a rename", from, to)
		}
		return from, to, err
	}
	from, err = p.better(c)
	return from, from, err
}

// better is the one of both names that is meant. Of a plain diff one may be that
// of a copy, such as file.orig: it is the other that exists, or the shorter one.
func (p *Patched) better(c *change) (string, error) {
	old, err := c.old.strip(p.options.Strip)
	new, err2 := c.new.strip(p.options.Strip)
	switch {
	case err != nil && err2 != nil:
		return "", err
	case err != nil:
		return new, nil
	case err2 != nil:
		return old, nil
	}
	if there := p.overlay.has(old); there != p.overlay.has(new) {
		if there {
			return old, nil
		}
		return new, nil
	}
	if shorter(old, new) {
		return old, nil
	}
	return new, nil
}

// shorter orders names as patch(1) does: directories, last part, length.
func shorter(a, b string) bool {
	return slices.Compare(
		[]int{strings.Count(a, "/"), len(path.Base(a)), len(a)},
		[]int{strings.Count(b, "/"), len(path.Base(b)), len(b)}) < 0
}

// checkOld compares what is in the tree with what the header says about it.
func (p *Patched) checkOld(c *change, from, to string, old *content) error {
	switch {
	case c.created && !old.gone && (len(old.bytes) > 0 || c.git):
		return fmt.Errorf("%s: is to be created, but is there already", to)
	case old.gone && !c.created && !startsEmpty(c):
		return p.missing(c, from)
	case old.symlink && c.mode != modeSymlink && !(c.git && (c.deleted || c.from == renamed)):
		return fmt.Errorf("%s: is a symbolic link to %q, want a file", from, old.bytes)
	case c.from != edited && to != from && p.overlay.has(to):
		return fmt.Errorf("%s: is to be made of %s, but is there already", to, from)
	}
	return nil
}

// startsEmpty reports whether a plain diff only adds lines to nothing.
func startsEmpty(c *change) bool {
	return !c.git && len(c.hunks) == 1 && c.hunks[0].old == span{}
}

// missing is the error for a file that is not there; if other leading directories
// make it one that is, it says so.
func (p *Patched) missing(c *change, from string) error {
	for strip := range 8 {
		for _, n := range []name{c.old, c.new} {
			if other, err := n.strip(strip); err == nil && !n.none && p.overlay.has(other) {
				return fmt.Errorf("no file %q in the tree with strip = %d; with strip = %d it is %q", from, p.options.Strip, strip, other)
			}
		}
	}
	return fmt.Errorf("no file %q in the tree", from)
}

// edit makes the new content.
func (p *Patched) edit(c *change, from string, old *content) (*content, error) {
	next := &content{executable: old.executable, symlink: old.symlink}
	if c.mode != 0 {
		next.executable, next.symlink = c.mode == modeExecutable, c.mode == modeSymlink
	}
	if c.binary != nil {
		var out bytes.Buffer
		if err := gitdiff.Apply(&out, bytes.NewReader(old.bytes), c.binary); err != nil {
			return nil, fmt.Errorf("binary change: %w", err)
		}
		next.bytes = out.Bytes()
		return next, nil
	}
	log := func(format string, args ...any) { p.log("%s: %s", from, fmt.Sprintf(format, args...)) }
	var err error
	next.bytes, err = applyHunks(old.bytes, c.hunks, p.options.Fuzz, log)
	return next, err
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
