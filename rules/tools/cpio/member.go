package cpio

import (
	"fmt"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

const (
	headerSize  = 110
	alignment   = 4 // of headers and of data, in bytes
	trailerName = "TRAILER!!!"
)

// typeBits are the file type bits of c_mode: linux/stat.h.
var typeBits = map[manifest.Type]uint32{
	manifest.File:      0o100000,
	manifest.Directory: 0o040000,
	manifest.Char:      0o020000,
	manifest.Block:     0o060000,
	manifest.FIFO:      0o010000,
	manifest.Socket:    0o140000,
	manifest.Symlink:   0o120000,
}

// member is one name in the archive, and the inode that it names.
type member struct {
	path   string         // of the manifest
	inode  manifest.Entry // no Link
	number uint32         // c_ino: shared by the names of a file
	links  uint32         // c_nlink
	size   int64          // bytes of data behind it; 0 for a file that has a later name
}

// trailer ends the archive, and the kernel's memory of inode numbers: archives
// can be written one after the other.
func trailer() member { return member{path: trailerName, links: 1} }

// name is the path as it stands in the archive.
func (m member) name() string {
	if m.path == "" {
		return "."
	}
	return m.path
}

// length is what the member takes in the archive, in bytes.
func (m member) length() int64 { return m.dataStart() + roundUp(m.size, alignment) }

// dataStart is where the data lies, from the start of the header.
func (m member) dataStart() int64 {
	return roundUp(headerSize+int64(len(m.name()))+1, alignment)
}

// appendHeader appends header and name to b, padded up to where data begins.
// Numbers are 8 hexadecimal digits each; the archive's own device is 0:0.
func (m member) appendHeader(b []byte, time int64) []byte {
	e, name, end := m.inode, m.name(), len(b)+int(m.dataStart())
	b = fmt.Appendf(b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s",
		m.number, typeBits[e.Type]|e.Mode, e.UID, e.GID, m.links, time, m.size,
		0, 0, e.Major, e.Minor, len(name)+1, 0, name)
	return append(b, make([]byte, end-len(b))...)
}

// roundUp is the least multiple of unit that is not below n.
func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
