package ext2

import (
	"fmt"
	"sort"
)

const (
	maxBlocks      = 1<<32 - 1 // block numbers have 32 bits
	maxInodes      = 1<<32 - 1
	descriptorSize = 32
)

// geometry is the division of the image into block groups. A group begins
// with its metadata: in some groups a superblock and all group descriptors,
// in each a block bitmap, an inode bitmap and a part of the inode table. The
// rest are data blocks, numbered through all groups from 0: the data index.
type geometry struct {
	blockSize      int64
	first          int64 // block where group 0 begins: 1 with 1 KiB blocks, whose block 0 is for boot code
	blocks         int64 // all blocks, counting those before first
	perGroup       int64 // blocks a group; the last may be shorter
	groups         int64
	inodesPerGroup int64
	tableBlocks    int64 // inode table of one group
	gdtBlocks      int64 // group descriptors of all groups
	sparse         bool  // backups only in groups 0, 1 and the powers of 3, 5, 7
}

// divide is the geometry of groups full groups with room for inodes.
func divide(o Options, groups, inodes int64) (geometry, error) {
	size := int64(o.BlockSize)
	g := geometry{blockSize: size, perGroup: 8 * size, groups: groups, sparse: o.Level != Rev0}
	if size == 1024 {
		g.first = 1
	}
	perBlock := size / int64(o.InodeSize)
	// Whole blocks of the table and whole bytes of the bitmap.
	g.inodesPerGroup = roundUp(ceilDiv(inodes, groups), max(8, perBlock))
	g.tableBlocks = g.inodesPerGroup / perBlock
	g.gdtBlocks = ceilDiv(groups*descriptorSize, size)
	g.blocks = g.first + groups*g.perGroup
	if g.blocks > maxBlocks || g.inodesPerGroup*groups > maxInodes || g.overhead(0) >= g.perGroup {
		return g, fmt.Errorf("ext2: %d groups of %d blocks with %d inodes: more than ext2 can address with blocks of %d bytes",
			groups, g.perGroup, inodes, size)
	}
	return g, nil
}

// fit is the smallest geometry with room for data blocks and inodes.
func fit(o Options, data, inodes int64) (geometry, error) {
	perGroup := 8 * int64(o.BlockSize)
	// Each round adds a group; group descriptors take a small part of it, so
	// this ends after the few rounds that the metadata needs.
	for groups := max(1, ceilDiv(data, perGroup), ceilDiv(inodes, perGroup)); ; groups++ {
		g, err := divide(o, groups, inodes)
		if err != nil {
			return g, err
		}
		spare := g.dataBlocks() - data
		if spare < 0 {
			continue
		}
		last := g.perGroup - g.overhead(groups-1)
		g.blocks -= min(spare, last)
		return g, nil
	}
}

// within is the geometry of an image of exactly blocks blocks. A last group
// too short for its own metadata is left out.
func within(o Options, blocks, inodes int64) (geometry, bool) {
	size := int64(o.BlockSize)
	first := int64(0)
	if size == 1024 {
		first = 1
	}
	for groups := ceilDiv(blocks-first, 8*size); groups > 0; groups-- {
		if ceilDiv(inodes, groups) > 8*size {
			return geometry{}, false
		}
		g, err := divide(o, groups, inodes)
		if err != nil {
			return geometry{}, false
		}
		g.blocks = min(g.blocks, blocks)
		if g.length(groups-1) >= g.overhead(groups-1) {
			return g, true
		}
	}
	return geometry{}, false
}

// start is the first block of a group.
func (g *geometry) start(group int64) int64 { return g.first + group*g.perGroup }

// length is the number of blocks in a group.
func (g *geometry) length(group int64) int64 { return min(g.perGroup, g.blocks-g.start(group)) }

// overhead is the number of metadata blocks that a group begins with.
func (g *geometry) overhead(group int64) int64 {
	if g.hasSuper(group) {
		return 1 + g.gdtBlocks + 2 + g.tableBlocks
	}
	return 2 + g.tableBlocks
}

// hasSuper reports whether a group has a copy of the superblock.
func (g *geometry) hasSuper(group int64) bool {
	return !g.sparse || group <= 1 || isPower(group, 3) || isPower(group, 5) || isPower(group, 7)
}

func isPower(n, base int64) bool {
	for n%base == 0 {
		n /= base
	}
	return n == 1
}

// supers counts the copies of the superblock in the first groups groups.
func (g *geometry) supers(groups int64) int64 {
	if !g.sparse {
		return groups
	}
	count := min(groups, 2)
	for _, base := range []int64{3, 5, 7} {
		for power := base; power < groups; power *= base {
			count++
		}
	}
	return count
}

// dataBefore is the number of data blocks in the groups before group: the data
// index at which group begins.
func (g *geometry) dataBefore(group int64) int64 {
	return group*(g.perGroup-2-g.tableBlocks) - g.supers(group)*(1+g.gdtBlocks)
}

// dataBlocks is the number of data blocks in the image.
func (g *geometry) dataBlocks() int64 {
	last := g.groups - 1
	return g.dataBefore(last) + g.length(last) - g.overhead(last)
}

// groupOf is the group that holds a data index.
func (g *geometry) groupOf(data int64) int64 {
	n := int(g.groups - 1)
	return int64(sort.Search(n, func(i int) bool { return g.dataBefore(int64(i)+1) > data }))
}

// locator turns data indexes into block numbers. It remembers the group of the
// last one, because neighbours are asked for one after the other.
type locator struct {
	*geometry
	from, to, shift int64 // block number minus data index, for data indexes in [from, to)
}

func (l *locator) block(data int64) uint32 {
	if data < l.from || data >= l.to {
		group := l.groupOf(data)
		l.from, l.to = l.dataBefore(group), l.dataBefore(group+1)
		l.shift = l.start(group) + l.overhead(group) - l.from
	}
	return uint32(data + l.shift)
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

func roundUp(a, unit int64) int64 { return ceilDiv(a, unit) * unit }
