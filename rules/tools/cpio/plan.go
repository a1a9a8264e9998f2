package cpio

import (
	"fmt"
	"math"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

const maxSize = math.MaxUint32 // c_filesize has 32 bits

// Layout is a planned archive. It does not change, and can be written any number
// of times.
type Layout struct {
	options Options
	members []member
	size    int64 // bytes, with the blocks' padding
}

// Plan decides what the archive of m looks like. No content is read.
func Plan(m *manifest.Manifest, o Options) (*Layout, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Layout{options: o, members: members(m)}
	for i := range l.members {
		if err := l.check(&l.members[i]); err != nil {
			return nil, fmt.Errorf("cpio: /%s: %w", l.members[i].path, err)
		}
		l.size += l.members[i].length()
	}
	l.size = roundUp(l.size+trailer().length(), int64(o.BlockSize))
	return l, nil
}

// Size is the length of the archive in bytes.
func (l *Layout) Size() int64 { return l.size }

// Members is the number of paths in the archive, the root included.
func (l *Layout) Members() int { return len(l.members) }

func (l *Layout) check(m *member) error {
	if m.path == trailerName {
		return fmt.Errorf("the name %q ends an archive; choose another, or another kind of image", trailerName)
	}
	if m.size > maxSize {
		return fmt.Errorf("%d bytes: a cpio archive has files up to %d bytes; choose another kind of image", m.size, int64(maxSize))
	}
	if x := m.inode.Xattrs; len(x) > 0 && !l.options.DropXattrs {
		return fmt.Errorf("extended attribute %q: a cpio archive has none; drop them, or choose another kind of image", x[0].Name)
	}
	return nil
}

// members are the paths of a manifest with the inodes that they name.
func members(m *manifest.Manifest) []member {
	entries := m.Entries()
	list := make([]member, len(entries))
	last := make(map[string]*member) // by the path of a file: its latest name
	var count uint32
	for i, e := range entries {
		inode := e
		if e.Type == manifest.Link {
			inode, _ = m.Lookup(e.Target)
		}
		n := &list[i]
		*n = member{path: e.Path, inode: inode, links: 1, size: dataSize(inode)}
		earlier := last[inode.Path]
		if earlier == nil {
			count++
			n.number = count
		} else {
			n.number = earlier.number
			n.links = earlier.links + 1
			earlier.size = 0
		}
		last[inode.Path] = n
	}
	for i := range list {
		list[i].links = last[list[i].inode.Path].links
		if list[i].inode.Type == manifest.Directory {
			list[i].links = 2 // as the kernel's gen_init_cpio has it, whatever is in it
		}
	}
	return list
}

// dataSize is the length of what follows the name of an inode.
func dataSize(e manifest.Entry) int64 {
	if e.Type == manifest.Symlink {
		return int64(len(e.Target))
	}
	return e.Size()
}
