package compose

import (
	"fmt"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// defaultModes are those of nodes that name none.
var defaultModes = map[manifest.Type]uint32{
	manifest.Directory: 0o755,
	manifest.Symlink:   0o777,
	manifest.Char:      0o600,
	manifest.Block:     0o600,
	manifest.FIFO:      0o600,
	manifest.Socket:    0o600,
}

// inode makes a declared node an inode.
func (n node) inode(names owners) (*inode, error) {
	e, err := n.entry(names)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", n.Path, err)
	}
	return &inode{entry: e, declared: true}, nil
}

func (n node) entry(names owners) (manifest.Entry, error) {
	e := manifest.Entry{
		Path:   strings.TrimPrefix(n.Path, "/"),
		Major:  n.Major,
		Minor:  n.Minor,
		Target: n.Target,
		Origin: n.Origin,
	}
	if err := checkClean(e.Path); err != nil {
		return e, err
	}
	if len(n.Type) != 1 {
		return e, fmt.Errorf("type %q: want one of d l h c b p s", n.Type)
	}
	e.Type = manifest.Type(n.Type[0])
	if e.Type == manifest.Link {
		e.Target = strings.TrimPrefix(n.Target, "/")
		return e, nil
	}
	otherwise, ok := defaultModes[e.Type]
	if !ok {
		return e, fmt.Errorf("type %q: want one of d l h c b p s", n.Type)
	}
	var err error
	if e.Mode, err = parseMode(n.Mode, otherwise); err != nil || n.Owner == "" {
		return e, err
	}
	e.UID, e.GID, err = names.parse(n.Owner)
	return e, err
}

// checkClean refuses paths that lead elsewhere than they say.
func checkClean(p string) error {
	if p == "" || path.Clean("/"+p) != "/"+p {
		return fmt.Errorf("got path %q, want a clean one below the root", p)
	}
	return nil
}
