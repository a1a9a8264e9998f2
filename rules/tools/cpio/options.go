package cpio

import (
	"fmt"
	"math"
)

// DefaultTime is the time of every inode unless Options say otherwise:
// 1980-01-01 00:00:00 UTC.
const DefaultTime = 315532800

const (
	defaultBlockSize = 512
	maxBlockSize     = 1 << 20
)

// Options choose the form of the archive. The zero value is a good one.
type Options struct {
	Time       int64 // seconds since 1970 of every inode: 1 to 2^32-1; 0 is DefaultTime
	BlockSize  int   // bytes, a multiple of 4 up to 1 MiB: zeros fill the last block; 0 is 512, as cpio does it
	DropXattrs bool  // leave extended attributes out, rather than refuse them
}

// withDefaults fills in what is zero and refuses what the format has no room for.
func (o Options) withDefaults() (Options, error) {
	if o.Time == 0 {
		o.Time = DefaultTime
	}
	if o.BlockSize == 0 {
		o.BlockSize = defaultBlockSize
	}
	switch {
	case o.Time < 1 || o.Time > math.MaxUint32:
		return o, fmt.Errorf("cpio: time %d: want 1 to %d", o.Time, uint32(math.MaxUint32))
	case o.BlockSize < alignment || o.BlockSize > maxBlockSize || o.BlockSize%alignment != 0:
		return o, fmt.Errorf("cpio: block size %d: want a multiple of %d up to %d", o.BlockSize, alignment, maxBlockSize)
	}
	return o, nil
}
