package ext2

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Layout is a finished plan: every block of the image has its place. It does
// not change, and may be written any number of times.
type Layout struct {
	geometry
	options  Options
	shape    shape
	uuid     [16]byte
	hashSeed [16]byte
	nodes    []node // the root, then by inode number
	xattrs   []xattrBlock
	used     int64 // data blocks in use; they are the first ones
	reserved int64 // blocks for root only
	large    bool  // a file needs large_file
}

// Plan lays out the file system m. It reads no content: sizes are enough.
// Equal manifests and options give equal layouts, whatever Origin says.
//
// The error is a *SizeError when Options.SizeBytes is too small. Other errors
// name the entry that ext2 cannot store, or the option that is wrong.
func Plan(m *manifest.Manifest, opts Options) (*Layout, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	entries, err := withLostFound(m)
	if err != nil {
		return nil, err
	}
	l := &Layout{options: opts, shape: newShape(opts.BlockSize), nodes: nodes(entries)}
	l.blockSize = int64(opts.BlockSize)
	l.uuid, l.hashSeed = identity(entries, opts)
	if err := l.place(); err != nil {
		return nil, err
	}
	if err := l.choose(); err != nil {
		return nil, err
	}
	l.reserved = l.blocks * int64(opts.ReservedPercent) / 100
	return l, nil
}

// withLostFound adds the directory that fsck insists on.
func withLostFound(m *manifest.Manifest) ([]manifest.Entry, error) {
	e, ok := m.Lookup(lostFound)
	if ok && e.Type != manifest.Directory {
		return nil, fmt.Errorf("ext2: /%s is a %s; fsck needs a directory there, or nothing", lostFound, e.Type)
	}
	entries := m.Entries()
	if ok {
		return entries, nil
	}
	// Directly behind the root, it gets inode 11, as mke2fs gives it.
	added := manifest.Entry{Path: lostFound, Type: manifest.Directory, Mode: 0o700}
	return append(entries[:1:1], append([]manifest.Entry{added}, entries[1:]...)...), nil
}

// identity derives UUID and hash seed from what the image depends on.
func identity(entries []manifest.Entry, o Options) (uuid, seed [16]byte) {
	h := digest.NewHasher()
	w := bufio.NewWriter(h) // a Hasher takes everything: its errors are nil
	for _, e := range entries {
		fmt.Fprintf(w, "%x %c %o %d %d %d %d %x %s %x\n",
			e.Path, e.Type, e.Mode, e.UID, e.GID, e.Major, e.Minor, e.Target, e.Digest, e.Xattrs)
	}
	fmt.Fprintf(w, "%s %d %d %d %d %d %d %d %x %d %t", o.Level, o.BlockSize, o.InodeSize, o.FreeBytes,
		o.FreePercent, o.FreeInodes, o.SizeBytes, o.ReservedPercent, o.Label, o.Time, o.Holes != nil)
	w.Flush()
	hash := h.Digest().Hash()
	copy(uuid[:], hash[:16])
	copy(seed[:], hash[16:])
	uuid[6] = uuid[6]&0x0f | 0x80 // version 8, RFC 9562: made by a rule of one's own
	uuid[8] = uuid[8]&0x3f | 0x80
	if o.UUID != [16]byte{} {
		uuid = o.UUID
	}
	return uuid, seed
}

// place gives every body and attribute block its data index, in the order of
// inodes: a directory is followed by what it holds.
func (l *Layout) place() error {
	blocks := map[string]int32{} // attribute blocks that more inodes may share
	for i := range l.nodes {
		n := &l.nodes[i]
		if err := l.placeXattrs(n, blocks); err != nil {
			return err
		}
		if err := l.measure(n); err != nil {
			return err
		}
		n.start = l.used
		l.used += n.blocks
		if l.used > maxBlocks {
			return fmt.Errorf("ext2: %s: more content than ext2 can address with blocks of %d bytes", n.path(), l.blockSize)
		}
		l.large = l.large || n.entry.Type == manifest.File && n.size > maxRev0Size
	}
	return nil
}

func (l *Layout) placeXattrs(n *node, blocks map[string]int32) error {
	if len(n.entry.Xattrs) == 0 {
		return nil
	}
	if l.options.Level == Rev0 {
		return fmt.Errorf("ext2: %s: extended attribute %q: level %s has none", n.path(), n.entry.Xattrs[0].Name, Rev0)
	}
	content, err := encodeXattrs(n.entry.Xattrs, int(l.blockSize))
	if err != nil {
		return fmt.Errorf("ext2: %s: %w", n.path(), err)
	}
	key := string(content)
	if i, ok := blocks[key]; ok && l.xattrs[i].users < maxXattrUsers {
		l.xattrs[i].users++
		n.xattrs = i
		return nil
	}
	n.xattrs = int32(len(l.xattrs))
	blocks[key] = n.xattrs
	l.xattrs = append(l.xattrs, xattrBlock{content, 1, l.used})
	l.used++
	return nil
}

// choose takes the geometry that Options ask for: the smallest, or the one of a fixed size.
func (l *Layout) choose() error {
	need := l.used + l.options.freeBlocks(l.used)
	inodes := l.usedInodes() + l.options.FreeInodes
	smallest, err := fit(l.options, need, inodes)
	if err != nil {
		return err
	}
	l.geometry = smallest
	if l.options.SizeBytes == 0 {
		return nil
	}
	fixed, ok := within(l.options, l.options.SizeBytes/l.blockSize, inodes)
	if !ok || fixed.dataBlocks() < need {
		return l.sizeError(smallest)
	}
	l.geometry = fixed
	return nil
}

// Size is the length of the image in bytes.
func (l *Layout) Size() int64 {
	if l.options.SizeBytes > 0 {
		return l.options.SizeBytes
	}
	return l.blocks * l.blockSize
}

// BlockSize is the size of a block in bytes.
func (l *Layout) BlockSize() int { return int(l.blockSize) }

// Blocks is the number of blocks of the file system.
func (l *Layout) Blocks() int64 { return l.blocks }

// FreeBlocks is the number of blocks that are not in use, those reserved for
// root included.
func (l *Layout) FreeBlocks() int64 { return l.dataBlocks() - l.used }

// Inodes is the number of inodes, the ten reserved ones included.
func (l *Layout) Inodes() int64 { return l.groups * l.inodesPerGroup }

// FreeInodes is the number of files that can be created.
func (l *Layout) FreeInodes() int64 { return l.Inodes() - l.usedInodes() }

// Groups is the number of block groups.
func (l *Layout) Groups() int64 { return l.groups }

// UUID identifies the file system.
func (l *Layout) UUID() [16]byte { return l.uuid }

// usedInodes is also the highest inode number in use.
func (l *Layout) usedInodes() int64 { return firstInode - 1 + int64(len(l.nodes)-1) }

// nodeAt is the one with an inode number, nil for a reserved or free inode.
func (l *Layout) nodeAt(inode int64) *node {
	switch {
	case inode == rootInode:
		return &l.nodes[0]
	case inode >= firstInode && inode <= l.usedInodes():
		return &l.nodes[inode-firstInode+1]
	}
	return nil
}

func splitPath(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}
