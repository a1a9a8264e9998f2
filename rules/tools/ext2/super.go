package ext2

import "encoding/binary"

const (
	superOffset = 1024
	superSize   = 1024

	compatExtAttr     = 0x0008
	incompatFiletype  = 0x0002
	roCompatSparse    = 0x0001
	roCompatLargeFile = 0x0002

	mountUserXattr = 0x0004 // s_default_mount_opts
	mountACL       = 0x0008
	hashHalfMD4    = 1
)

// encodeSuper is the superblock as linux/fs/ext2/ext2.h, struct
// ext2_super_block, has it, with the group number of a copy.
func (l *Layout) encodeSuper(group int64) []byte {
	b := make([]byte, superSize)
	le := binary.LittleEndian
	time := uint32(l.options.Time)
	le.PutUint32(b[0:], uint32(l.Inodes()))
	le.PutUint32(b[4:], uint32(l.blocks))
	le.PutUint32(b[8:], uint32(l.reserved))
	le.PutUint32(b[12:], uint32(l.FreeBlocks()))
	le.PutUint32(b[16:], uint32(l.FreeInodes()))
	le.PutUint32(b[20:], uint32(l.first))
	le.PutUint32(b[24:], logBlockSize(l.blockSize))
	le.PutUint32(b[28:], logBlockSize(l.blockSize)) // fragments are blocks
	le.PutUint32(b[32:], uint32(l.perGroup))
	le.PutUint32(b[36:], uint32(l.perGroup))
	le.PutUint32(b[40:], uint32(l.inodesPerGroup))
	le.PutUint32(b[48:], time)   // s_wtime
	le.PutUint16(b[54:], 0xffff) // s_max_mnt_count: no check after some number of mounts
	le.PutUint16(b[56:], 0xEF53)
	le.PutUint16(b[58:], 1)    // s_state: clean
	le.PutUint16(b[60:], 1)    // s_errors: continue
	le.PutUint32(b[64:], time) // s_lastcheck
	copy(b[104:120], l.uuid[:])
	copy(b[120:136], l.options.Label)
	le.PutUint32(b[264:], time) // s_mkfs_time
	if l.options.Level != Rev0 {
		l.encodeRev1(b, group)
	}
	return b
}

// encodeRev1 adds the fields that revision 0 does not have.
func (l *Layout) encodeRev1(b []byte, group int64) {
	le := binary.LittleEndian
	le.PutUint32(b[76:], 1) // s_rev_level
	le.PutUint32(b[84:], firstInode)
	le.PutUint16(b[88:], uint16(l.options.InodeSize))
	le.PutUint16(b[90:], uint16(group))
	if len(l.xattrs) > 0 {
		le.PutUint32(b[92:], compatExtAttr)
	}
	le.PutUint32(b[96:], incompatFiletype)
	readOnly := uint32(roCompatSparse)
	if l.large {
		readOnly |= roCompatLargeFile
	}
	le.PutUint32(b[100:], readOnly)
	copy(b[236:252], l.hashSeed[:])
	b[252] = hashHalfMD4
	le.PutUint32(b[256:], mountUserXattr|mountACL)
	if l.options.InodeSize == largeInode {
		le.PutUint16(b[348:], extraIsize) // s_min_extra_isize
		le.PutUint16(b[350:], extraIsize) // s_want_extra_isize
	}
}

func logBlockSize(size int64) uint32 {
	var log uint32
	for size > 1024 {
		size /= 2
		log++
	}
	return log
}

// encodeDescriptors are the group descriptors, padded to whole blocks.
func (l *Layout) encodeDescriptors() []byte {
	b := make([]byte, l.gdtBlocks*l.blockSize)
	le := binary.LittleEndian
	for group := range l.groups {
		d := b[group*descriptorSize:]
		bitmap := l.start(group) + l.overhead(group) - l.tableBlocks - 2
		le.PutUint32(d[0:], uint32(bitmap))
		le.PutUint32(d[4:], uint32(bitmap+1))
		le.PutUint32(d[8:], uint32(bitmap+2))
		le.PutUint16(d[12:], uint16(l.length(group)-l.usedIn(group)))
		le.PutUint16(d[14:], uint16(l.inodesPerGroup-l.inodesIn(group)))
		le.PutUint16(d[16:], l.dirsIn(group))
	}
	return b
}

// usedIn is the number of blocks in use in a group; they are its first.
func (l *Layout) usedIn(group int64) int64 {
	return min(l.length(group), l.overhead(group)+max(0, l.used-l.dataBefore(group)))
}

// inodesIn is the number of inodes in use in a group; they are its first.
func (l *Layout) inodesIn(group int64) int64 {
	return min(l.inodesPerGroup, max(0, l.usedInodes()-group*l.inodesPerGroup))
}

func (l *Layout) dirsIn(group int64) uint16 {
	var dirs uint16
	first := group*l.inodesPerGroup + 1
	for i := range l.inodesIn(group) {
		if n := l.nodeAt(first + i); n != nil && n.isDir() {
			dirs++
		}
	}
	return dirs
}

// fillBitmap sets the first used bits of b, and those behind the first total,
// which stand for nothing.
func fillBitmap(b []byte, used, total int64) {
	setBits(b, 0, used)
	setBits(b, total, int64(len(b))*8)
}

func setBits(b []byte, from, to int64) {
	for ; from < to && from%8 != 0; from++ {
		b[from/8] |= 1 << (from % 8)
	}
	for ; from+8 <= to; from += 8 {
		b[from/8] = 0xff
	}
	for ; from < to; from++ {
		b[from/8] |= 1 << (from % 8)
	}
}
