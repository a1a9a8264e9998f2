package ext2

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Extended attributes of an inode are in one block, which inodes with the same
// attributes share (linux/fs/ext2/xattr.h). After a header come the entries,
// sorted by name index, length and name; the values fill the block from its
// end.
const (
	xattrMagic       = 0xEA020000
	xattrHeader      = 32
	xattrEntry       = 16 // without the name
	maxXattrUsers    = 1024
	xattrAlign       = 4
	xattrNameShift   = 5
	xattrValueShift  = 16
	xattrEntryShift  = 16
	xattrHashOffset  = 12
	xattrUsersOffset = 4
)

// xattrPrefixes are the names that ext2 stores as a number. The two ACLs are
// whole names, the others are followed by one.
var xattrPrefixes = []struct {
	prefix string
	index  byte
	whole  bool
}{
	{"user.", 1, false},
	{"system.posix_acl_access", 2, true},
	{"system.posix_acl_default", 3, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
}

// xattrBlock is one block of attributes and the number of its inodes.
type xattrBlock struct {
	content []byte // without the number of users
	users   uint32
	start   int64 // data index
}

type storedXattr struct {
	index byte
	name  string // without its prefix
	value []byte
}

// encodeXattrs is the block that holds xattrs.
func encodeXattrs(xattrs []manifest.Xattr, blockSize int) ([]byte, error) {
	list, err := storedXattrs(xattrs)
	if err != nil {
		return nil, err
	}
	need := xattrHeader + xattrAlign // and the zero that ends the list
	for _, x := range list {
		need += xattrEntry + align4(len(x.name)) + align4(len(x.value))
	}
	if need > blockSize {
		return nil, fmt.Errorf("extended attributes of %d bytes do not fit the one block of %d bytes that ext2 has for them", need, blockSize)
	}
	block := make([]byte, blockSize)
	le := binary.LittleEndian
	le.PutUint32(block, xattrMagic)
	le.PutUint32(block[8:], 1) // blocks
	at, end := xattrHeader, blockSize
	var all uint32
	for _, x := range list {
		entry := block[at:]
		entry[0], entry[1] = byte(len(x.name)), x.index
		if len(x.value) > 0 {
			end -= align4(len(x.value))
			copy(block[end:], x.value)
			le.PutUint16(entry[2:], uint16(end))
		}
		le.PutUint32(entry[8:], uint32(len(x.value)))
		hash := xattrHash(x)
		le.PutUint32(entry[12:], hash)
		all = all<<xattrEntryShift ^ all>>(32-xattrEntryShift) ^ hash
		copy(entry[xattrEntry:], x.name)
		at += xattrEntry + align4(len(x.name))
	}
	if !slices.ContainsFunc(list, func(x storedXattr) bool { return xattrHash(x) == 0 }) {
		le.PutUint32(block[xattrHashOffset:], all) // 0 means "not to be shared"
	}
	return block, nil
}

func storedXattrs(xattrs []manifest.Xattr) ([]storedXattr, error) {
	var list []storedXattr
	for _, x := range xattrs {
		s, err := newStoredXattr(x)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", x.Name, err)
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b storedXattr) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return list, nil
}

func newStoredXattr(x manifest.Xattr) (storedXattr, error) {
	for _, p := range xattrPrefixes {
		name, ok := strings.CutPrefix(x.Name, p.prefix)
		if !ok || p.whole != (name == "") {
			continue
		}
		if !p.whole {
			return storedXattr{p.index, name, x.Value}, nil
		}
		value, err := encodeACL(x.Value)
		return storedXattr{p.index, "", value}, err
	}
	return storedXattr{}, fmt.Errorf("ext2 stores only user.*, trusted.*, security.* and system.posix_acl_access and _default")
}

// xattrHash is the hash of an entry: its name, then its value as words.
func xattrHash(x storedXattr) uint32 {
	var hash uint32
	for i := range len(x.name) {
		hash = hash<<xattrNameShift ^ hash>>(32-xattrNameShift) ^ uint32(x.name[i])
	}
	padded := append(bytes.Clone(x.value), make([]byte, align4(len(x.value))-len(x.value))...)
	for ; len(padded) > 0; padded = padded[4:] {
		hash = hash<<xattrValueShift ^ hash>>(32-xattrValueShift) ^ binary.LittleEndian.Uint32(padded)
	}
	return hash
}

func align4(n int) int { return (n + 3) &^ 3 }

// POSIX ACL tags (linux/posix_acl.h) that carry a user or group number.
const (
	aclUser  = 0x02
	aclGroup = 0x08
)

// encodeACL turns an ACL as getxattr shows it (linux/posix_acl_xattr.h: version
// 2, entries of 8 bytes) into ext2's own form (fs/ext2/acl.h: version 1, a
// number only where the tag has one).
func encodeACL(value []byte) ([]byte, error) {
	le := binary.LittleEndian
	if len(value) < 4 || le.Uint32(value) != 2 || (len(value)-4)%8 != 0 {
		return nil, fmt.Errorf("an access control list of %d bytes: want version 2 and entries of 8 bytes", len(value))
	}
	acl := le.AppendUint32(nil, 1)
	for entry := value[4:]; len(entry) > 0; entry = entry[8:] {
		acl = append(acl, entry[:4]...)
		if tag := le.Uint16(entry); tag == aclUser || tag == aclGroup {
			acl = append(acl, entry[4:8]...)
		}
	}
	return acl, nil
}
