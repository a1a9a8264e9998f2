package compose

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// inode is one path under construction.
type inode struct {
	entry    manifest.Entry
	node     tree.Node // content of a File
	declared bool      // mode or owner were said, not defaulted

	generated bool // content that compose wrote; it is in no store yet
}

// root is the file system under construction: inodes by path, and all that is
// wrong with it so far.
type root struct {
	inodes   map[string]*inode
	problems []problem
}

// problem is one thing that is wrong, at a path.
type problem struct{ path, text string }

func newRoot(origin string) *root {
	top := &inode{entry: manifest.Entry{Type: manifest.Directory, Mode: 0o755, Origin: origin}}
	return &root{inodes: map[string]*inode{"": top}}
}

func (r *root) complain(p, format string, args ...any) {
	r.problems = append(r.problems, problem{p, fmt.Sprintf(format, args...)})
}

// err is all problems, sorted by path, as one error.
func (r *root) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int { return strings.Compare(a.path, b.path) })
	texts := make([]string, len(r.problems))
	for i, p := range r.problems {
		texts[i] = p.text
		if p.path != "" {
			texts[i] = "/" + p.path + ": " + p.text
		}
	}
	texts = slices.Compact(texts)
	const shown = 25
	if len(texts) > shown {
		texts = append(texts[:shown], fmt.Sprintf("… and %d more", len(texts)-shown))
	}
	if len(texts) == 1 {
		return fmt.Errorf("%s", texts[0])
	}
	return fmt.Errorf("%d problems:\n    %s", len(r.problems), strings.Join(texts, "\n    "))
}

// paths are all paths, sorted.
func (r *root) paths() []string { return slices.Sorted(maps.Keys(r.inodes)) }

// put lays one inode. Directories merge; what is the same is one; anything else
// at a path that is taken is a collision, unless replace.
func (r *root) put(n *inode, replace bool) {
	p := n.entry.Path
	if !r.makeParents(n, replace) {
		return
	}
	there := r.inodes[p]
	switch {
	case there == nil:
		r.inodes[p] = n
	case there.entry.Type == manifest.Directory && n.entry.Type == manifest.Directory:
		r.mergeDirectory(there, n, replace)
	case replace:
		r.removeBelow(p)
		r.inodes[p] = n
	case !same(there, n):
		r.collide(there, n)
	}
}

// same reports whether two inodes differ in their origin only.
func same(a, b *inode) bool {
	x, y := a.entry, b.entry
	return x.Type == y.Type && x.Mode == y.Mode && x.UID == y.UID && x.GID == y.GID &&
		x.Major == y.Major && x.Minor == y.Minor && x.Target == y.Target && x.Digest == y.Digest
}

func (r *root) mergeDirectory(there, n *inode, replace bool) {
	if !n.declared {
		return
	}
	if there.declared && !replace && !same(there, n) {
		r.collide(there, n)
		return
	}
	r.inodes[n.entry.Path] = n
}

func (r *root) collide(there, n *inode) {
	difference := "with another content"
	switch {
	case there.entry.Type != n.entry.Type:
		difference = fmt.Sprintf("as a %s, there it is a %s", n.entry.Type, there.entry.Type)
	case there.entry.Digest == n.entry.Digest && there.entry.Target == n.entry.Target:
		difference = "with another mode or owner"
	}
	r.complain(n.entry.Path, "%s and %s both bring it, the second %s; leave it out of one, or let the later layer replace it",
		there.entry.Origin, n.entry.Origin, difference)
}

// makeParents makes the directories above n; false if one is no directory.
func (r *root) makeParents(n *inode, replace bool) bool {
	for i, c := range n.entry.Path {
		if c != '/' {
			continue
		}
		p := n.entry.Path[:i]
		there := r.inodes[p]
		if there != nil && there.entry.Type == manifest.Directory {
			continue
		}
		if there != nil && !replace {
			r.complain(n.entry.Path, "%s brings it, but %s has a %s at /%s", n.entry.Origin, there.entry.Origin, there.entry.Type, p)
			return false
		}
		r.inodes[p] = &inode{entry: manifest.Entry{Path: p, Type: manifest.Directory, Mode: 0o755, Origin: n.entry.Origin}}
	}
	return true
}

// removeBelow forgets what lies below a directory that is being replaced.
func (r *root) removeBelow(p string) {
	for q := range r.inodes {
		if strings.HasPrefix(q, p+"/") {
			delete(r.inodes, q)
		}
	}
}

// resolve follows symbolic links from the directory dir to the inode that
// target means on the machine; ok is false if it points nowhere. at is the path
// that was reached, or the first that is missing.
func (r *root) resolve(dir, target string) (n *inode, at string, ok bool) {
	const maxLinks = 40 // as Linux's MAXSYMLINKS
	rest := target
	if path.IsAbs(target) {
		dir = ""
	}
	at = dir
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			continue
		}
		next := path.Join(at, name)
		n := r.inodes[next]
		if n == nil {
			return nil, path.Join(next, rest), false
		}
		if n.entry.Type != manifest.Symlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nil, next, false
		}
		rest = n.entry.Target + "/" + rest
		if path.IsAbs(n.entry.Target) {
			at = ""
		}
	}
	return r.inodes[at], at, r.inodes[at] != nil
}
