package archive

import (
	"fmt"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/tree"
)

// maxHops is how many symbolic links Linux follows in one path.
const maxHops = 40

// finish looks where the symbolic links lead, now that all of them are known:
// what a link means depends on the links on its way.
func (x *extraction) finish() error {
	if x.options.AllowEscapingLinks {
		return nil
	}
	for _, p := range x.links {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		if x.escapes(p) {
			return fmt.Errorf("symbolic link %q -> %q leads out of the tree; allow_escaping_links keeps it", p, x.nodes[p].Target)
		}
	}
	return nil
}

// escapes follows the symbolic link at p as Linux would, with the tree as the
// whole world, and reports whether it has to leave the tree for that.
func (x *extraction) escapes(p string) bool {
	at, pending := split(path.Dir(p)), split(x.nodes[p].Target)
	if path.IsAbs(x.nodes[p].Target) {
		return true
	}
	for hops := 0; len(pending) > 0 && hops < maxHops; {
		part := pending[0]
		pending = pending[1:]
		if part == ".." {
			if len(at) == 0 {
				return true
			}
			at = at[:len(at)-1]
			continue
		}
		n := x.nodes[path.Join(path.Join(at...), part)]
		if n.Kind != tree.Symlink {
			at = append(at, part)
			continue
		}
		if path.IsAbs(n.Target) {
			return true
		}
		pending = append(split(n.Target), pending...)
		hops++
	}
	return false
}

// split is the parts of a path without those that mean nothing.
func split(p string) []string {
	parts := strings.Split(p, "/")
	kept := parts[:0]
	for _, part := range parts {
		if part != "" && part != "." {
			kept = append(kept, part)
		}
	}
	return kept
}
