package ext2

import "sort"

// A body is what the block pointers of one inode lead to: data blocks and the
// indirect blocks that point to them, stored one after the other. Twelve
// direct blocks come first, then trees of height 1, 2 and 3. Every indirect
// block lies just before what it points to.
//
// Nothing of that is stored: positions follow from the runs, so that a large
// file costs the plan no more memory than a small one.

const (
	directBlocks = 12
	maxHeight    = 3
)

// A run is a range of a file's blocks that are in the image; the blocks
// between runs are holes.
type run struct{ first, count int64 }

// shape holds the numbers that depend only on the block size.
type shape struct {
	fanout int64                // pointers in an indirect block
	data   [maxHeight + 1]int64 // data blocks below a full tree, by height
	all    [maxHeight + 1]int64 // blocks of a full tree, its indirect blocks included
}

func newShape(blockSize int) shape {
	s := shape{fanout: int64(blockSize) / 4}
	s.data[0], s.all[0] = 1, 1
	for h := 1; h <= maxHeight; h++ {
		s.data[h] = s.data[h-1] * s.fanout
		s.all[h] = s.all[h-1]*s.fanout + 1
	}
	return s
}

// maxData is the number of blocks that a file can have.
func (s *shape) maxData() int64 { return directBlocks + s.data[1] + s.data[2] + s.data[3] }

// treeStart is the file's block at which the tree of a height begins.
func (s *shape) treeStart(height int) int64 {
	start := int64(directBlocks)
	for h := 1; h < height; h++ {
		start += s.data[h]
	}
	return start
}

// bodySize is the number of blocks of a body.
func (s *shape) bodySize(runs []run) int64 {
	total := stored(runs, 0, directBlocks)
	for h := 1; h <= maxHeight; h++ {
		total += s.treeSize(runs, h, s.treeStart(h))
	}
	return total
}

// treeSize is the number of blocks of the tree whose data begins at the
// file's block first.
func (s *shape) treeSize(runs []run, height int, first int64) int64 {
	n := stored(runs, first, first+s.data[height])
	if n == 0 || height == 0 {
		return n
	}
	if n == s.data[height] {
		return s.all[height]
	}
	if height == 1 {
		return n + 1
	}
	total := int64(1)
	end := lastStored(runs)
	for i := int64(0); i < s.fanout && first < end; i++ {
		total += s.treeSize(runs, height-1, first)
		first += s.data[height-1]
	}
	return total
}

// pointers are the fifteen block pointers of a body that begins at a data
// index.
func (s *shape) pointers(runs []run, start int64, at *locator) [15]uint32 {
	var p [15]uint32
	next := start
	for i := range int64(directBlocks) {
		if stored(runs, i, i+1) > 0 {
			p[i] = at.block(next)
			next++
		}
	}
	for h := 1; h <= maxHeight; h++ {
		if size := s.treeSize(runs, h, s.treeStart(h)); size > 0 {
			p[directBlocks+h-1] = at.block(next)
			next += size
		}
	}
	return p
}

// runIndex is the first run that ends after block.
func runIndex(runs []run, block int64) int {
	return sort.Search(len(runs), func(i int) bool { return runs[i].first+runs[i].count > block })
}

// stored counts the blocks in [first, end) that are no holes.
func stored(runs []run, first, end int64) int64 {
	var n int64
	for _, r := range runs[runIndex(runs, first):] {
		if r.first >= end {
			break
		}
		n += min(end, r.first+r.count) - max(first, r.first)
	}
	return n
}

// lastStored is the end of the last run.
func lastStored(runs []run) int64 {
	if len(runs) == 0 {
		return 0
	}
	last := runs[len(runs)-1]
	return last.first + last.count
}
