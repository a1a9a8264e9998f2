package ext2

import (
	"encoding/binary"
	"fmt"
	"io"
)

// body is the blocks of one inode on their way out. The order is that of
// shape.pointers.
type body struct {
	*stream
	runs    []run
	content io.Reader
	unread  int64 // bytes of content that are still to be read
}

func (b *body) write() error {
	if err := b.leaves(0, directBlocks); err != nil {
		return err
	}
	for h := 1; h <= maxHeight; h++ {
		if err := b.tree(h, b.shape.treeStart(h)); err != nil {
			return err
		}
	}
	return checkEnd(b.content)
}

// tree writes an indirect block and all below it.
func (b *body) tree(height int, first int64) error {
	if height == 0 || b.shape.treeSize(b.runs, height, first) == 0 {
		return b.leaves(first, first+b.shape.data[height])
	}
	if err := b.indirect(height, first); err != nil {
		return err
	}
	if height == 1 {
		return b.leaves(first, first+b.shape.data[1])
	}
	for i := int64(0); i < b.shape.fanout && b.unread > 0; i++ {
		if err := b.tree(height-1, first+i*b.shape.data[height-1]); err != nil {
			return err
		}
	}
	return nil
}

// indirect writes the block that points to the parts of a tree.
func (b *body) indirect(height int, first int64) error {
	pointers, err := b.block()
	if err != nil {
		return err
	}
	next := b.data
	end := lastStored(b.runs)
	for i := int64(0); i < b.shape.fanout && first < end; i++ {
		if size := b.shape.treeSize(b.runs, height-1, first); size > 0 {
			binary.LittleEndian.PutUint32(pointers[4*i:], b.at.block(next))
			next += size
		}
		first += b.shape.data[height-1]
	}
	return nil
}

// leaves writes the file's blocks in [first, end), leaving out the holes.
func (b *body) leaves(first, end int64) error {
	for _, r := range b.runs[runIndex(b.runs, first):] {
		if r.first >= end {
			break
		}
		if err := b.hole(r.first - first); err != nil {
			return err
		}
		first = max(first, r.first)
		count := min(end, r.first+r.count) - first
		n := min(b.unread, count*b.blockSize)
		b.unread -= n
		if err := b.fill(b.content, n); err != nil {
			return err
		}
		first += count
	}
	return b.hole(end - first)
}

// hole reads blocks that are planned to be zeros, as far as there is content.
func (b *body) hole(blocks int64) error {
	n := min(b.unread, max(0, blocks)*b.blockSize)
	if n == 0 {
		return nil
	}
	b.unread -= n
	copied, err := io.CopyN(zeroChecker{}, b.content, n)
	if err == io.EOF {
		return fmt.Errorf("content is shorter than its digest says, by %d bytes or more", n-copied)
	}
	return err
}

// zeroChecker takes nothing but zeros.
type zeroChecker struct{}

func (zeroChecker) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; rest = rest[min(len(rest), len(zeros)):] {
		if !isZero(rest[:min(len(rest), len(zeros))]) {
			return 0, fmt.Errorf("content has bytes where a hole was found")
		}
	}
	return len(p), nil
}
