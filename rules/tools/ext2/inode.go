package ext2

import (
	"encoding/binary"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

const (
	smallInode = 128
	largeInode = 256
	extraIsize = 32 // bytes in use behind the first 128: linux/fs/ext4/ext4.h, i_extra_isize
)

// kinds are the file type bits of i_mode and the file type in directories.
var kinds = map[manifest.Type]struct {
	mode   uint32
	dirent byte
}{
	manifest.File:      {0o100000, 1},
	manifest.Directory: {0o040000, 2},
	manifest.Char:      {0o020000, 3},
	manifest.Block:     {0o060000, 4},
	manifest.FIFO:      {0o010000, 5},
	manifest.Socket:    {0o140000, 6},
	manifest.Symlink:   {0o120000, 7},
}

// encodeInode writes n in the form of linux/fs/ext2/ext2.h, struct ext2_inode.
// b is zero before.
func (l *Layout) encodeInode(b []byte, n *node, at *locator) {
	le := binary.LittleEndian
	e := n.entry
	time := uint32(l.options.Time)
	le.PutUint16(b[0:], uint16(kinds[e.Type].mode|e.Mode))
	le.PutUint16(b[2:], uint16(e.UID))
	le.PutUint32(b[4:], uint32(n.size))
	le.PutUint32(b[8:], time)  // i_atime
	le.PutUint32(b[12:], time) // i_ctime
	le.PutUint32(b[16:], time) // i_mtime
	le.PutUint16(b[24:], uint16(e.GID))
	le.PutUint16(b[26:], uint16(n.links))
	blocks := n.blocks
	if n.xattrs >= 0 {
		blocks++
		le.PutUint32(b[104:], at.block(l.xattrs[n.xattrs].start)) // i_file_acl
	}
	le.PutUint32(b[28:], uint32(blocks*(l.blockSize/sector)))
	l.encodePointers(b[40:100], n, at)
	le.PutUint32(b[108:], uint32(n.size>>32)) // i_size_high
	le.PutUint16(b[120:], uint16(e.UID>>16))
	le.PutUint16(b[122:], uint16(e.GID>>16))
	if l.options.InodeSize == largeInode {
		le.PutUint16(b[128:], extraIsize)
		le.PutUint32(b[144:], time) // i_crtime
	}
}

// encodePointers fills i_block: block pointers, the target of a short symbolic
// link, or a device number.
func (l *Layout) encodePointers(b []byte, n *node, at *locator) {
	le := binary.LittleEndian
	switch {
	case n.isFastSymlink():
		copy(b, n.entry.Target)
	case n.entry.Type.IsDevice():
		old, huge := encodeDevice(n.entry.Major, n.entry.Minor)
		le.PutUint32(b[0:], old)
		le.PutUint32(b[4:], huge)
	default:
		for i, p := range l.shape.pointers(n.runs, n.start, at) {
			le.PutUint32(b[4*i:], p)
		}
	}
}

// encodeDevice is old_encode_dev and new_encode_dev of linux/kdev_t.h: small
// numbers go to i_block[0] in 16 bits, others to i_block[1] in 32.
func encodeDevice(major, minor uint32) (old, huge uint32) {
	if major < 256 && minor < 256 {
		return major<<8 | minor, 0
	}
	return 0, minor&0xff | major<<8 | (minor&^0xff)<<12
}
