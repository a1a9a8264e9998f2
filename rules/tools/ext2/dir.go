package ext2

import "encoding/binary"

const (
	direntHeader = 8
	// lostFoundSize is what mke2fs gives lost+found, so that fsck finds room in
	// it when the file system has none left; at most the direct blocks.
	lostFoundSize = 16 << 10
)

// dirPacker places directory entries in blocks: each behind the one before,
// in a new block when it does not fit.
type dirPacker struct {
	blockSize int
	used      int   // bytes in the last block
	blocks    int64 // blocks begun
}

// place finds room for a name of n bytes and reports whether a new block was
// begun for it.
func (p *dirPacker) place(n int) bool {
	need := direntHeader + align4(n)
	if p.blocks > 0 && p.used+need <= p.blockSize {
		p.used += need
		return false
	}
	p.blocks++
	p.used = need
	return true
}

// dirent is one name in a directory.
type dirent struct {
	name  string
	inode uint32
	kind  byte // 0 where the level has no file types in directories
}

// encodeDir writes the blocks of a directory, at least minimum bytes.
func encodeDir(list []dirent, blockSize int, minimum int64) []byte {
	var (
		b    []byte
		last int // where the latest entry begins
		p    = dirPacker{blockSize: blockSize}
		le   = binary.LittleEndian
	)
	for _, d := range list {
		if p.place(len(d.name)) {
			stretchDirent(b, last)
			last = len(b)
			b = append(b, make([]byte, blockSize)...)
		} else {
			last += int(le.Uint16(b[last+4:]))
		}
		entry := b[last:]
		le.PutUint32(entry, d.inode)
		le.PutUint16(entry[4:], uint16(direntHeader+align4(len(d.name))))
		entry[6], entry[7] = byte(len(d.name)), d.kind
		copy(entry[direntHeader:], d.name)
	}
	stretchDirent(b, last)
	for int64(len(b)) < minimum {
		empty := make([]byte, blockSize)
		le.PutUint16(empty[4:], uint16(blockSize))
		b = append(b, empty...)
	}
	return b
}

// stretchDirent makes the entry at last reach to the end of b.
func stretchDirent(b []byte, last int) {
	if len(b) > 0 {
		binary.LittleEndian.PutUint16(b[last+4:], uint16(len(b)-last))
	}
}
