package ext2

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// reader is a second opinion on the format: it shares no code with the writer
// and follows the pointers of the image like a kernel does.
type reader struct {
	r         io.ReaderAt
	blockSize int64
	perGroup  uint32 // inodes
	inodeSize int64
	super     []byte
}

func newReader(r io.ReaderAt) (*reader, error) {
	super := make([]byte, 1024)
	if _, err := r.ReadAt(super, 1024); err != nil {
		return nil, err
	}
	if magic := binary.LittleEndian.Uint16(super[56:]); magic != 0xef53 {
		return nil, fmt.Errorf("magic %#x", magic)
	}
	x := &reader{r: r, super: super, inodeSize: 128}
	x.blockSize = 1024 << x.super32(24)
	x.perGroup = x.super32(40)
	if x.super32(76) == 1 {
		x.inodeSize = int64(binary.LittleEndian.Uint16(super[88:]))
	}
	return x, nil
}

func (x *reader) super32(at int) uint32 { return binary.LittleEndian.Uint32(x.super[at:]) }

func (x *reader) read(at, n int64) ([]byte, error) {
	b := make([]byte, n)
	_, err := x.r.ReadAt(b, at)
	return b, err
}

func (x *reader) block(n uint32) ([]byte, error) { return x.read(int64(n)*x.blockSize, x.blockSize) }

func (x *reader) inode(n uint32) ([]byte, error) {
	group := int64((n - 1) / x.perGroup)
	descriptor, err := x.read(int64(x.super32(20)+1)*x.blockSize+32*group, 32)
	if err != nil {
		return nil, err
	}
	table := int64(binary.LittleEndian.Uint32(descriptor[8:]))
	return x.read(table*x.blockSize+int64((n-1)%x.perGroup)*x.inodeSize, x.inodeSize)
}

// each calls f with every block of a file, nil for a hole.
func (x *reader) each(pointers []byte, size int64, f func([]byte) error) error {
	left := size
	for i := range 15 {
		if err := x.eachBelow(binary.LittleEndian.Uint32(pointers[4*i:]), max(0, i-11), &left, f); err != nil {
			return err
		}
	}
	if left != 0 {
		return fmt.Errorf("%d of %d bytes have no pointer", left, size)
	}
	return nil
}

func (x *reader) eachBelow(pointer uint32, height int, left *int64, f func([]byte) error) error {
	if *left == 0 {
		if pointer != 0 {
			return fmt.Errorf("pointer %d behind the end", pointer)
		}
		return nil
	}
	if height == 0 {
		return x.leaf(pointer, left, f)
	}
	below := make([]byte, x.blockSize)
	if pointer != 0 {
		var err error
		if below, err = x.block(pointer); err != nil {
			return err
		}
	}
	for ; len(below) > 0; below = below[4:] {
		if err := x.eachBelow(binary.LittleEndian.Uint32(below), height-1, left, f); err != nil {
			return err
		}
	}
	return nil
}

func (x *reader) leaf(pointer uint32, left *int64, f func([]byte) error) error {
	n := min(*left, x.blockSize)
	*left -= n
	b := make([]byte, x.blockSize)
	if pointer != 0 {
		var err error
		if b, err = x.block(pointer); err != nil {
			return err
		}
	}
	for _, rest := range b[n:] {
		if rest != 0 {
			return fmt.Errorf("bytes behind the end of the file")
		}
	}
	return f(b[:n])
}

// entry is what the image says about an inode; the links are 0.
func (x *reader) entry(path string, number uint32) (e manifest.Entry, in []byte, err error) {
	in, err = x.inode(number)
	if err != nil {
		return e, nil, err
	}
	le := binary.LittleEndian
	mode := uint32(le.Uint16(in))
	e = manifest.Entry{
		Path: path,
		Mode: mode & 0o7777,
		UID:  uint32(le.Uint16(in[2:])) | uint32(le.Uint16(in[120:]))<<16,
		GID:  uint32(le.Uint16(in[24:])) | uint32(le.Uint16(in[122:]))<<16,
	}
	e.Type = map[uint32]manifest.Type{8: 'f', 4: 'd', 2: 'c', 6: 'b', 1: 'p', 12: 's', 10: 'l'}[mode>>12]
	e.Xattrs, err = x.xattrs(le.Uint32(in[104:]))
	if err != nil {
		return e, nil, err
	}
	switch e.Type {
	case 'f':
		e.Digest, err = x.digest(in)
	case 'l':
		e.Target, err = x.target(in)
	case 'c', 'b':
		e.Major, e.Minor = device(le.Uint32(in[40:]), le.Uint32(in[44:]))
	}
	return e, in, err
}

func (x *reader) size(in []byte) int64 {
	return int64(binary.LittleEndian.Uint32(in[4:])) | int64(binary.LittleEndian.Uint32(in[108:]))<<32
}

func (x *reader) digest(in []byte) (digest.Digest, error) {
	h := digest.NewHasher()
	err := x.each(in[40:100], x.size(in), func(b []byte) error {
		_, err := h.Write(b)
		return err
	})
	return h.Digest(), err
}

func (x *reader) target(in []byte) (string, error) {
	size := x.size(in)
	sectors := int64(binary.LittleEndian.Uint32(in[28:]))
	if binary.LittleEndian.Uint32(in[104:]) != 0 {
		sectors -= x.blockSize / 512
	}
	if sectors == 0 {
		return string(in[40 : 40+size]), nil
	}
	b, err := x.block(binary.LittleEndian.Uint32(in[40:]))
	return string(b[:size]), err
}

func device(old, huge uint32) (major, minor uint32) {
	if old != 0 {
		return old >> 8, old & 0xff
	}
	return huge >> 8 & 0xfff, huge&0xff | huge>>12&0xfff00
}

func (x *reader) xattrs(block uint32) ([]manifest.Xattr, error) {
	if block == 0 {
		return nil, nil
	}
	b, err := x.block(block)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint32(b) != 0xea020000 || le.Uint32(b[8:]) != 1 {
		return nil, fmt.Errorf("attribute block %d: bad header % x", block, b[:16])
	}
	var list []manifest.Xattr
	for at := b[32:]; le.Uint32(at) != 0; at = at[16+(int(at[0])+3)/4*4:] {
		name, offset, size := string(at[16:16+int(at[0])]), le.Uint16(at[2:]), le.Uint32(at[8:])
		value := b[offset:][:size]
		prefix := []string{"", "user.", "system.posix_acl_access", "system.posix_acl_default", "trusted.", "", "security."}[at[1]]
		if strings.HasPrefix(prefix, "system.") {
			value = readACL(value)
		}
		list = append(list, manifest.Xattr{Name: prefix + name, Value: value})
	}
	slices.SortFunc(list, func(a, b manifest.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func readACL(disk []byte) []byte {
	acl := []byte{2, 0, 0, 0}
	for disk = disk[4:]; len(disk) > 0; {
		acl = append(acl, disk[:4]...)
		id := []byte{255, 255, 255, 255}
		if disk[0] == 2 || disk[0] == 8 {
			id, disk = disk[4:8], disk[4:]
		}
		acl = append(acl, id...)
		disk = disk[4:]
	}
	return acl
}

// list calls f with every name of a directory.
func (x *reader) list(in []byte, f func(name string, inode uint32, kind byte)) error {
	return x.each(in[40:100], x.size(in), func(b []byte) error {
		for len(b) > 0 {
			length := int(binary.LittleEndian.Uint16(b[4:]))
			if length < 12 || length > len(b) || length%4 != 0 || 8+int(b[6]) > length {
				return fmt.Errorf("entry of %d bytes with a name of %d, %d bytes before the end", length, b[6], len(b))
			}
			if inode := binary.LittleEndian.Uint32(b); inode != 0 {
				f(string(b[8:8+int(b[6])]), inode, b[7])
			}
			b = b[length:]
		}
		return nil
	})
}

// walker reads the whole tree of an image back into entries.
type walker struct {
	*reader
	t       testing.TB
	first   map[uint32]string // the first path of each inode
	names   map[uint32]uint16 // how many there are
	inodes  map[uint32][]byte
	entries []manifest.Entry
}

// readBack is the manifest of an image, with the first path in the order of
// names as the file and the others as links to it.
func readBack(t testing.TB, r io.ReaderAt) (*manifest.Manifest, *walker) {
	t.Helper()
	x, err := newReader(r)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{reader: x, t: t, first: map[uint32]string{}, names: map[uint32]uint16{}, inodes: map[uint32][]byte{}}
	w.walk("", 2, 2)
	for _, number := range slices.Sorted(maps.Keys(w.inodes)) {
		if got, want := binary.LittleEndian.Uint16(w.inodes[number][26:]), w.names[number]; got != want {
			t.Errorf("%s: link count %d, want %d", w.first[number], got, want)
		}
	}
	return manifesttest.New(t, w.entries), w
}

func (w *walker) walk(path string, number, parent uint32) {
	e, in, err := w.entry(path, number)
	if err != nil {
		w.t.Fatalf("/%s: %v", path, err)
	}
	w.first[number], w.inodes[number] = path, in
	w.entries = append(w.entries, e)
	if path != "" {
		w.names[number]++ // in its parent
	}
	if e.Type != manifest.Directory {
		return
	}
	var names []string
	children := map[string]uint32{}
	err = w.list(in, func(name string, inode uint32, kind byte) {
		names = append(names, name)
		children[name] = inode
	})
	if err != nil {
		w.t.Fatalf("/%s: %v", path, err)
	}
	if !slices.Equal(names[:2], []string{".", ".."}) || children["."] != number || children[".."] != parent {
		w.t.Fatalf("/%s: begins with %q, inodes %d %d, want %d %d", path, names[:2], children["."], children[".."], number, parent)
	}
	w.names[number]++ // its "."
	w.names[parent]++ // its ".."
	for _, name := range names[2:] {
		w.child(strings.TrimPrefix(path+"/"+name, "/"), children[name], number)
	}
}

func (w *walker) child(path string, number, parent uint32) {
	if first, ok := w.first[number]; ok {
		w.names[number]++
		w.entries = append(w.entries, manifest.Entry{Path: path, Type: manifest.Link, Target: first})
		return
	}
	w.walk(path, number, parent)
}

// wanted is m as readBack sees it: without origins, with lost+found, and with
// the first path of each file as the file.
func wanted(t testing.TB, m *manifest.Manifest) *manifest.Manifest {
	t.Helper()
	entries := m.Entries()
	if _, ok := m.Lookup("lost+found"); !ok {
		entries = append(entries, manifest.Entry{Path: "lost+found", Type: manifest.Directory, Mode: 0o700})
	}
	first := map[string]string{} // of the file at a path
	for _, e := range walkOrder(entries) {
		file := e.Path
		if e.Type == manifest.Link {
			file = e.Target
		}
		if _, ok := first[file]; !ok {
			first[file] = e.Path
		}
	}
	for i, e := range entries {
		file := e.Path
		if e.Type == manifest.Link {
			file = e.Target
		}
		if e.Path != first[file] {
			entries[i] = manifest.Entry{Path: e.Path, Type: manifest.Link, Target: first[file]}
			continue
		}
		if e.Type == manifest.Link {
			entries[i], _ = m.Lookup(file)
			entries[i].Path = e.Path
		}
		entries[i].Origin = ""
	}
	return manifesttest.New(t, entries)
}

// walkOrder sorts entries as a walk meets them: all of a directory at once.
func walkOrder(entries []manifest.Entry) []manifest.Entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b manifest.Entry) int {
		return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	})
}

// compare holds an image against the manifest it was made of.
func compare(t testing.TB, r io.ReaderAt, m *manifest.Manifest) *walker {
	t.Helper()
	got, w := readBack(t, r)
	diffLines(t, got.String(), wanted(t, m).String())
	return w
}

// diffLines shows the lines that only one of two texts has.
func diffLines(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	inGot, inWant := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(got) {
		inGot[line] = true
	}
	for line := range strings.Lines(want) {
		inWant[line] = true
		if !inGot[line] {
			t.Errorf("missing: %s", line)
		}
	}
	for line := range strings.Lines(got) {
		if !inWant[line] {
			t.Errorf("surplus: %s", line)
		}
	}
}
