package manifest

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Type is the kind of an entry, as its letter in the text form.
type Type byte

const (
	File      Type = 'f'
	Directory Type = 'd'
	Symlink   Type = 'l'
	Link      Type = 'h' // another name of a File of the same manifest
	Char      Type = 'c'
	Block     Type = 'b'
	FIFO      Type = 'p'
	Socket    Type = 's'
)

// String is the type in words.
func (t Type) String() string {
	switch t {
	case File:
		return "file"
	case Directory:
		return "directory"
	case Symlink:
		return "symbolic link"
	case Link:
		return "hard link"
	case Char:
		return "character device"
	case Block:
		return "block device"
	case FIFO:
		return "FIFO"
	case Socket:
		return "socket"
	}
	return fmt.Sprintf("unknown type %q", byte(t))
}

// IsDevice reports whether t has device numbers.
func (t Type) IsDevice() bool { return t == Char || t == Block }

// Entry is one path of the file system. Fields that do not apply to its type
// are zero.
type Entry struct {
	Path   string // slash separated, without a leading slash; "" is the root
	Type   Type
	Mode   uint32 // permissions, setuid, setgid, sticky: at most 07777; 0777 for a Symlink, 0 for a Link
	UID    uint32 // 0 for a Link
	GID    uint32 // 0 for a Link
	Major  uint32 // Char, Block: at most 12 bits
	Minor  uint32 // Char, Block: at most 20 bits
	Target string // Symlink: its text; Link: the Path of the File it names
	Digest digest.Digest
	Xattrs []Xattr // sorted by name; none for a Link
	Origin string  // label of the target it came from; may be empty
}

// Size is the length of a File's content in bytes, and 0 for other types.
func (e Entry) Size() int64 { return e.Digest.Size() }

// Xattr is one extended attribute.
type Xattr struct {
	Name  string // with its namespace, as in "security.capability"
	Value []byte
}
