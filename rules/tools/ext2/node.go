package ext2

import (
	"fmt"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

const (
	rootInode      = 2
	firstInode     = 11 // the ten before it are reserved
	maxLinks       = 32000
	maxFastSymlink = 59        // bytes that fit in place of the block pointers, with a NUL
	maxRev0Size    = 1<<31 - 1 // larger sizes need large_file
	maxSectors     = 1<<32 - 1 // i_blocks counts 512 bytes in 32 bits
	sector         = 512
	lostFound      = "lost+found"
)

// node is one inode of the plan. Where its blocks are follows from start.
type node struct {
	entry   *manifest.Entry
	parent  int32 // index of the directory that holds it; the root is its own
	inode   uint32
	links   uint32
	xattrs  int32 // index of its attribute block, -1 without
	names   []name
	subdirs uint32
	runs    []run // blocks of its body
	size    int64 // i_size
	blocks  int64 // blocks of its body, indirect blocks included
	start   int64 // data index of its body
}

// name is one entry of a directory.
type name struct {
	base string
	node int32
}

func (n *node) path() string { return "/" + n.entry.Path }

func (n *node) isDir() bool { return n.entry.Type == manifest.Directory }

// isFastSymlink reports whether the target is kept in the inode itself.
func (n *node) isFastSymlink() bool {
	return n.entry.Type == manifest.Symlink && len(n.entry.Target) <= maxFastSymlink
}

// nodes builds the inodes and their names from entries sorted by path.
func nodes(entries []manifest.Entry) []node {
	list := make([]node, 0, len(entries))
	index := make(map[string]int32, len(entries))
	next := uint32(firstInode)
	for i := range entries {
		e := &entries[i]
		if e.Type == manifest.Link {
			continue
		}
		n := node{entry: e, inode: next, links: 1, xattrs: -1}
		if e.Path == "" {
			n.inode = rootInode
		} else {
			next++
		}
		index[e.Path] = int32(len(list))
		list = append(list, n)
	}
	for i := range entries {
		addName(list, index, &entries[i])
	}
	for i := range list {
		if list[i].isDir() {
			list[i].links = 2 + list[i].subdirs
		}
	}
	return list
}

func addName(list []node, index map[string]int32, e *manifest.Entry) {
	if e.Path == "" {
		return
	}
	dir, base := splitPath(e.Path)
	parent := index[dir]
	child := index[e.Path]
	if e.Type == manifest.Link {
		child = index[e.Target]
		list[child].links++
	} else {
		list[child].parent = parent
	}
	if e.Type == manifest.Directory {
		list[parent].subdirs++
	}
	list[parent].names = append(list[parent].names, name{base, child})
}

// measure sets the size and the runs of a node's body.
func (l *Layout) measure(n *node) error {
	switch n.entry.Type {
	case manifest.File:
		return l.measureFile(n)
	case manifest.Directory:
		return l.measureDir(n)
	case manifest.Symlink:
		return l.measureSymlink(n)
	}
	return nil
}

func (l *Layout) measureFile(n *node) error {
	n.size = n.entry.Size()
	if n.links > maxLinks {
		return fmt.Errorf("ext2: %s: %d names for one file, want at most %d; make some of them copies or symbolic links", n.path(), n.links, maxLinks)
	}
	if n.size > maxRev0Size && l.options.Level == Rev0 {
		return fmt.Errorf("ext2: %s: %d bytes: level %s has files up to %d bytes", n.path(), n.size, Rev0, maxRev0Size)
	}
	if n.size > l.shape.maxData()*l.blockSize {
		return fmt.Errorf("ext2: %s: %d bytes: want at most %d with blocks of %d bytes", n.path(), n.size, l.shape.maxData()*l.blockSize, l.blockSize)
	}
	n.setBody(&l.shape, dense(ceilDiv(n.size, l.blockSize)))
	if h := l.options.Holes; h != nil {
		if runs, ok := h.runs[n.entry.Digest]; ok {
			n.setBody(&l.shape, runs)
		}
	}
	if sectors := (n.blocks + 1) * (l.blockSize / sector); sectors > maxSectors {
		return fmt.Errorf("ext2: %s: %d bytes: more than the 2 TiB of one file", n.path(), n.size)
	}
	return nil
}

func (l *Layout) measureDir(n *node) error {
	if n.links > maxLinks {
		return fmt.Errorf("ext2: %s: %d directories in one, want at most %d", n.path(), n.subdirs, maxLinks-2)
	}
	p := dirPacker{blockSize: int(l.blockSize)}
	p.place(len("."))
	p.place(len(".."))
	for _, name := range n.names {
		p.place(len(name.base))
	}
	n.size = max(p.blocks*l.blockSize, l.minimumDir(n))
	if n.size > maxRev0Size {
		return fmt.Errorf("ext2: %s: directory of %d bytes, want at most %d", n.path(), n.size, maxRev0Size)
	}
	n.setBody(&l.shape, dense(n.size/l.blockSize))
	return nil
}

// minimumDir is the least size of a directory, in bytes.
func (l *Layout) minimumDir(n *node) int64 {
	if n.entry.Path == lostFound {
		return min(lostFoundSize, directBlocks*l.blockSize)
	}
	return 0
}

func (l *Layout) measureSymlink(n *node) error {
	n.size = int64(len(n.entry.Target))
	if n.isFastSymlink() {
		return nil
	}
	// Kernels and fsck want the target and a NUL in one block.
	if n.size >= l.blockSize {
		return fmt.Errorf("ext2: %s: symbolic link to %d bytes: blocks of %d bytes hold at most %d; choose a larger block size",
			n.path(), n.size, l.blockSize, l.blockSize-1)
	}
	n.setBody(&l.shape, dense(1))
	return nil
}

func (n *node) setBody(s *shape, runs []run) {
	n.runs = runs
	n.blocks = s.bodySize(runs)
}

func dense(blocks int64) []run {
	if blocks == 0 {
		return nil
	}
	return []run{{0, blocks}}
}
