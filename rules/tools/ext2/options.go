package ext2

import (
	"fmt"
	"math"
)

// Level is the age of the kernels that can mount the image read-write.
type Level string

const (
	// Rev0 is the original format: no feature flags, 128-byte inodes, a backup
	// of the superblock in every group, no extended attributes, files up to
	// 2 GiB.
	Rev0 Level = "rev0"
	// Linux26 is what every 2.6 kernel mounts: revision 1 with sparse_super and
	// filetype; ext_attr and large_file only in an image that needs them.
	Linux26 Level = "2.6"
)

// DefaultTime is the time of every inode unless Options say otherwise:
// 1980-01-01 00:00:00 UTC.
const DefaultTime = 315532800

// Options choose the form of the image. The zero value is a good one: the
// smallest image with 1 KiB blocks that a 2.6 kernel mounts.
type Options struct {
	Level     Level // "" is Linux26
	BlockSize int   // bytes: 1024, 2048, 4096; 0 is 1024
	InodeSize int   // bytes: 128, 256; 0 is 128

	// Wishes for the running machine. They are minima: rounding may add a little.
	FreeBytes   int64 // free space, in bytes
	FreePercent int   // free space, in percent of the space in use; the larger of the two wishes counts
	FreeInodes  int64 // files that can be created

	// SizeBytes fixes the size of the image: a multiple of BlockSize, with room
	// for the content and the wishes. 0 is the smallest such size.
	SizeBytes int64

	ReservedPercent int      // blocks only root may use, in percent of all blocks: 0 to 50
	Label           string   // volume name, at most 16 bytes
	UUID            [16]byte // zero: derived from the manifest and the options
	Time            int64    // seconds since 1970 of every inode: 1 to 2^31-1, best in the past, or fsck wonders; 0 is DefaultTime

	// Holes leaves blocks of zeros out of the image; nil stores them.
	Holes *Holes
}

// withDefaults fills in what is zero and refuses what ext2 has no room for.
func (o Options) withDefaults() (Options, error) {
	if o.Level == "" {
		o.Level = Linux26
	}
	if o.BlockSize == 0 {
		o.BlockSize = 1024
	}
	if o.InodeSize == 0 {
		o.InodeSize = smallInode
	}
	if o.Time == 0 {
		o.Time = DefaultTime
	}
	return o, o.check()
}

func (o Options) check() error {
	switch {
	case o.Level != Rev0 && o.Level != Linux26:
		return fmt.Errorf("ext2: level %q: want %q or %q", string(o.Level), Rev0, Linux26)
	case o.BlockSize != 1024 && o.BlockSize != 2048 && o.BlockSize != 4096:
		return fmt.Errorf("ext2: block size %d: want 1024, 2048 or 4096", o.BlockSize)
	case o.InodeSize != smallInode && o.InodeSize != largeInode:
		return fmt.Errorf("ext2: inode size %d: want %d or %d", o.InodeSize, smallInode, largeInode)
	case o.Level == Rev0 && o.InodeSize != smallInode:
		return fmt.Errorf("ext2: inode size %d: level %s has only %d", o.InodeSize, Rev0, smallInode)
	case o.FreeBytes < 0 || o.FreePercent < 0 || o.FreeInodes < 0 || o.SizeBytes < 0:
		return fmt.Errorf("ext2: free space, free inodes and size: want no negative numbers")
	case o.FreeBytes > maxBlocks*int64(o.BlockSize) || o.SizeBytes > maxBlocks*int64(o.BlockSize):
		return fmt.Errorf("ext2: free space %d, size %d: want at most %d bytes with blocks of %d bytes",
			o.FreeBytes, o.SizeBytes, maxBlocks*int64(o.BlockSize), o.BlockSize)
	case o.FreePercent > 10000:
		return fmt.Errorf("ext2: free space of %d percent: want at most 10000", o.FreePercent)
	case o.FreeInodes > maxBlocks:
		return fmt.Errorf("ext2: %d free inodes: want at most %d", o.FreeInodes, int64(maxBlocks))
	case o.SizeBytes%int64(o.BlockSize) != 0:
		return fmt.Errorf("ext2: size %d: want a multiple of the block size %d", o.SizeBytes, o.BlockSize)
	case o.ReservedPercent < 0 || o.ReservedPercent > 50:
		return fmt.Errorf("ext2: %d percent reserved for root: want 0 to 50", o.ReservedPercent)
	case len(o.Label) > 16:
		return fmt.Errorf("ext2: label %q: got %d bytes, want at most 16", o.Label, len(o.Label))
	case o.Time < 1 || o.Time > math.MaxInt32:
		return fmt.Errorf("ext2: time %d: want 1 to %d", o.Time, math.MaxInt32)
	case o.Holes != nil && o.Holes.blockSize != o.BlockSize:
		return fmt.Errorf("ext2: holes were looked for in blocks of %d bytes, want %d", o.Holes.blockSize, o.BlockSize)
	}
	return nil
}

// freeBlocks is the wish for free space beside used blocks.
func (o Options) freeBlocks(used int64) int64 {
	size := int64(o.BlockSize)
	return max((o.FreeBytes+size-1)/size, (used*int64(o.FreePercent)+99)/100)
}
