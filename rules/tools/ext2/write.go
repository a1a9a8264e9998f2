package ext2

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// OpenFunc opens the content of a File. Every file is opened once, in the
// order of paths, and read to its end.
type OpenFunc func(manifest.Entry) (io.ReadCloser, error)

// bufferSize is the memory for the image: a multiple of every block size, small
// enough to stay in the processor's cache between reading and writing.
const bufferSize = 1 << 17

// Write writes the image, Size bytes from front to back. After an error the
// bytes already written are of no use. It is an error when content is shorter
// or longer than its digest says, or has other holes than were found; the
// digest itself is not checked, that is up to the store that open reads from.
func (l *Layout) Write(ctx context.Context, w io.Writer, open OpenFunc) error {
	s := &stream{
		Layout:      l,
		out:         untilDone{ctx.Err, w},
		open:        open,
		buf:         make([]byte, 0, bufferSize),
		at:          locator{geometry: &l.geometry},
		descriptors: l.encodeDescriptors(),
	}
	if err := s.image(); err != nil {
		return fmt.Errorf("ext2: %w", err)
	}
	return nil
}

// stream is the image on its way out. Its lower half (block, fill) writes data
// blocks and puts a group's metadata in front of the group's first; its upper
// half knows only data indexes.
type stream struct {
	*Layout
	out         io.Writer
	open        OpenFunc
	buf         []byte // written to out when full
	at          locator
	descriptors []byte

	group   int64 // next group to begin
	left    int64 // data blocks left in the group begun last
	data    int64 // next data index
	written int64 // bytes given to out
	xattr   int   // next attribute block
}

func (s *stream) image() error {
	if err := s.zero(s.first); err != nil {
		return err
	}
	for i := range s.nodes {
		if err := s.node(&s.nodes[i]); err != nil {
			return err
		}
	}
	return s.rest()
}

// node writes what belongs to one inode: a new attribute block, then its body.
func (s *stream) node(n *node) error {
	if int(n.xattrs) == s.xattr {
		if err := s.xattrBlock(); err != nil {
			return err
		}
	}
	if n.blocks == 0 && n.size == 0 || n.isFastSymlink() {
		return nil
	}
	if s.data != n.start {
		return fmt.Errorf("%s: bug: at data block %d, planned for %d", n.path(), s.data, n.start)
	}
	content, err := s.content(n)
	if err != nil {
		return fmt.Errorf("%s: %w", n.path(), err)
	}
	defer content.Close()
	body := body{s, n.runs, content, n.size}
	if err := body.write(); err != nil {
		return fmt.Errorf("%s: %w", n.path(), err)
	}
	return nil
}

func (s *stream) xattrBlock() error {
	x := &s.xattrs[s.xattr]
	s.xattr++
	b, err := s.block()
	if err != nil {
		return err
	}
	copy(b, x.content)
	binary.LittleEndian.PutUint32(b[xattrUsersOffset:], x.users)
	return nil
}

func (s *stream) content(n *node) (io.ReadCloser, error) {
	switch n.entry.Type {
	case manifest.File:
		return s.open(*n.entry)
	case manifest.Directory:
		b := encodeDir(s.dirents(n), int(s.blockSize), n.size)
		return io.NopCloser(bytes.NewReader(b)), nil
	default:
		return io.NopCloser(strings.NewReader(n.entry.Target)), nil
	}
}

// dirents are the names of a directory, its own and its parent's first.
func (l *Layout) dirents(n *node) []dirent {
	list := make([]dirent, 0, len(n.names)+2)
	add := func(name string, to *node) {
		d := dirent{name: name, inode: to.inode}
		if l.options.Level != Rev0 {
			d.kind = kinds[to.entry.Type].dirent
		}
		list = append(list, d)
	}
	add(".", n)
	add("..", &l.nodes[n.parent])
	for _, name := range n.names {
		add(name.base, &l.nodes[name.node])
	}
	return list
}

// rest writes what follows the last body: free blocks and the groups in them.
func (s *stream) rest() error {
	if s.data != s.used {
		return fmt.Errorf("bug: %d data blocks written, %d planned", s.data, s.used)
	}
	for {
		if err := s.zero(s.left); err != nil {
			return err
		}
		if s.group == s.groups {
			break
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	if err := s.zero(s.Size()/s.blockSize - s.blocks); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.written != s.Size() {
		return fmt.Errorf("bug: image of %d bytes, planned for %d", s.written, s.Size())
	}
	return nil
}

// begin writes the metadata of the next group.
func (s *stream) begin() error {
	group := s.group
	s.group++
	s.left = s.length(group) - s.overhead(group)
	if s.hasSuper(group) {
		if err := s.superblock(group); err != nil {
			return err
		}
	}
	bitmap, err := s.reserve()
	if err != nil {
		return err
	}
	fillBitmap(bitmap, s.usedIn(group), s.length(group))
	bitmap, err = s.reserve()
	if err != nil {
		return err
	}
	fillBitmap(bitmap, s.inodesIn(group), s.inodesPerGroup)
	return s.inodeTable(group)
}

func (s *stream) superblock(group int64) error {
	b, err := s.reserve()
	if err != nil {
		return err
	}
	if group == 0 && s.first == 0 {
		b = b[superOffset:]
	}
	copy(b, s.encodeSuper(group))
	for rest := s.descriptors; len(rest) > 0; rest = rest[s.blockSize:] {
		b, err := s.reserve()
		if err != nil {
			return err
		}
		copy(b, rest)
	}
	return nil
}

func (s *stream) inodeTable(group int64) error {
	inode := group*s.inodesPerGroup + 1
	for range s.tableBlocks {
		b, err := s.reserve()
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[s.options.InodeSize:] {
			if n := s.nodeAt(inode); n != nil {
				s.encodeInode(b, n, &s.at)
			}
			inode++
		}
	}
	return nil
}

// block is the next data block, zeroed, to be filled before the next call.
func (s *stream) block() ([]byte, error) {
	if err := s.enterGroup(); err != nil {
		return nil, err
	}
	s.left--
	s.data++
	return s.reserve()
}

// fill writes size bytes of r to the next data blocks; the last block is
// padded with zeros.
func (s *stream) fill(r io.Reader, size int64) error {
	for size > 0 {
		if err := s.enterGroup(); err != nil {
			return err
		}
		if cap(s.buf)-len(s.buf) < int(s.blockSize) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		blocks := min(ceilDiv(size, s.blockSize), s.left, int64(cap(s.buf)-len(s.buf))/s.blockSize)
		n := min(size, blocks*s.blockSize)
		room := s.buf[len(s.buf) : len(s.buf)+int(blocks*s.blockSize)]
		if err := readFull(r, room[:n]); err != nil {
			return err
		}
		clear(room[n:])
		s.buf = s.buf[:len(s.buf)+len(room)]
		size -= n
		s.left -= blocks
		s.data += blocks
	}
	return nil
}

// enterGroup makes sure that the group begun last has a data block left.
func (s *stream) enterGroup() error {
	for s.left == 0 {
		if s.group == s.groups {
			return fmt.Errorf("bug: no block left after %d", s.data)
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	return nil
}

// reserve is the next block of the image, zeroed.
func (s *stream) reserve() ([]byte, error) {
	n := len(s.buf)
	if cap(s.buf)-n < int(s.blockSize) {
		if err := s.flush(); err != nil {
			return nil, err
		}
		n = 0
	}
	s.buf = s.buf[:n+int(s.blockSize)]
	b := s.buf[n:]
	clear(b)
	return b, nil
}

// zero writes blocks of zeros.
func (s *stream) zero(blocks int64) error {
	for range blocks {
		if _, err := s.reserve(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) flush() error {
	n, err := s.out.Write(s.buf)
	s.written += int64(n)
	s.buf = s.buf[:0]
	if err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	return nil
}

// untilDone refuses to write when done reports an error.
type untilDone struct {
	done func() error
	io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.done(); err != nil {
		return 0, err
	}
	return u.Writer.Write(p)
}
