package cpio

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// kernel does with an archive what linux/init/initramfs.c does. Where the kernel
// would go on without a word, or a build of it could, this one stops.
type kernel struct {
	archive []byte
	at      int
	root    map[string]*inode // by path; "" is the root
	links   map[identity]*inode
}

// inode is what the calls of the kernel would have made.
type inode struct {
	mode, uid, gid, mtime, major, minor uint32
	data                                []byte
}

// identity is by what the kernel knows a file again: c_maj, c_min, c_ino and
// the type.
type identity struct{ major, minor, number, format uint32 }

// header has the fields of buffer-format.rst, in its order.
type header struct {
	number, mode, uid, gid, links, mtime, size, major, minor, deviceMajor, deviceMinor, nameSize, checksum uint32
}

const formatBits = 0o170000

// unpack is what the kernel makes of an archive.
func unpack(archive []byte) (map[string]*inode, error) {
	k := &kernel{archive: archive, root: map[string]*inode{"": {mode: 0o040755}}, links: map[identity]*inode{}}
	for {
		h, name, data, err := k.next()
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", k.at, err)
		}
		if name == "TRAILER!!!" {
			return k.root, k.end(h)
		}
		if err := k.make(h, name, data); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
}

// end wants nothing but zeros behind the trailer: the kernel would take the rest
// for another archive.
func (k *kernel) end(h header) error {
	rest := k.archive[k.at:]
	if h.size != 0 || len(bytes.Trim(rest, "\x00")) > 0 {
		return fmt.Errorf("%d bytes in the trailer, %d behind it", h.size, len(rest))
	}
	return nil
}

func (k *kernel) next() (header, string, []byte, error) {
	h, err := k.header()
	if err != nil {
		return h, "", nil, err
	}
	if h.nameSize < 2 || h.nameSize > 4096 {
		return h, "", nil, fmt.Errorf("name of %d bytes", h.nameSize)
	}
	name, err := k.take(int(h.nameSize))
	if err != nil {
		return h, "", nil, err
	}
	if bytes.IndexByte(name, 0) != len(name)-1 {
		return h, "", nil, fmt.Errorf("name %q does not end with its NUL", name)
	}
	if err := k.align(); err != nil {
		return h, "", nil, err
	}
	data, err := k.take(int(h.size))
	if err != nil {
		return h, "", nil, err
	}
	return h, string(name[:len(name)-1]), data, k.align()
}

func (k *kernel) header() (h header, err error) {
	magic, err := k.take(6)
	if err != nil {
		return h, err
	}
	if string(magic) != "070701" {
		return h, fmt.Errorf("magic %q", magic)
	}
	for _, field := range []*uint32{
		&h.number, &h.mode, &h.uid, &h.gid, &h.links, &h.mtime, &h.size,
		&h.major, &h.minor, &h.deviceMajor, &h.deviceMinor, &h.nameSize, &h.checksum,
	} {
		digits, err := k.take(8)
		if err != nil {
			return h, err
		}
		v, err := strconv.ParseUint(string(digits), 16, 32)
		if err != nil {
			return h, err
		}
		*field = uint32(v)
	}
	return h, nil
}

func (k *kernel) take(n int) ([]byte, error) {
	if n > len(k.archive)-k.at {
		return nil, fmt.Errorf("%d bytes wanted, %d left", n, len(k.archive)-k.at)
	}
	k.at += n
	return k.archive[k.at-n : k.at], nil
}

func (k *kernel) align() error {
	padding, err := k.take(-k.at & 3)
	if len(bytes.Trim(padding, "\x00")) > 0 {
		return fmt.Errorf("padding %q", padding)
	}
	return err
}

// make carries out one member.
func (k *kernel) make(h header, name string, data []byte) error {
	where := path.Join("/", name)[1:]
	format := h.mode & formatBits
	if parent := k.root[strings.TrimPrefix(path.Dir("/"+where), "/")]; parent == nil || parent.mode&formatBits != 0o040000 {
		return fmt.Errorf("no directory to put it in")
	}
	if h.checksum != 0 {
		return fmt.Errorf("checksum %d in a header without one", h.checksum)
	}
	if format == 0o120000 && (len(data) == 0 || len(data) > 4096) || format != 0o120000 && format != 0o100000 && len(data) > 0 {
		return fmt.Errorf("mode %o with %d bytes", h.mode, len(data))
	}
	old := k.root[where]
	if old != nil && (format != 0o040000 || old.mode&formatBits != format) {
		return fmt.Errorf("made twice")
	}
	made := &inode{}
	if h.links > 1 && format != 0o040000 {
		id := identity{h.major, h.minor, h.number, format}
		if first := k.links[id]; first != nil {
			made = first
		}
		k.links[id] = made
	}
	made.set(h)
	if len(data) > 0 {
		made.data = data // opened without O_TRUNC: no data leaves what is there
	}
	k.root[where] = made
	return nil
}

func (i *inode) set(h header) {
	i.mode, i.uid, i.gid, i.mtime, i.major, i.minor = h.mode, h.uid, h.gid, h.mtime, h.deviceMajor, h.deviceMinor
}

var types = map[uint32]manifest.Type{
	0o100000: manifest.File, 0o040000: manifest.Directory, 0o020000: manifest.Char, 0o060000: manifest.Block,
	0o010000: manifest.FIFO, 0o140000: manifest.Socket, 0o120000: manifest.Symlink,
}

// readBack is the manifest of what the kernel has made. A file's first name is
// the file, the others are links to it.
func readBack(t testing.TB, archive []byte) *manifest.Manifest {
	t.Helper()
	root, err := unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	var entries []manifest.Entry
	for where, i := range root {
		e := manifest.Entry{Path: where, Type: types[i.mode&formatBits], Mode: i.mode &^ formatBits, UID: i.uid, GID: i.gid, Major: i.major, Minor: i.minor}
		switch e.Type {
		case manifest.File:
			if first := firstName(root, i); first != where {
				e = manifesttest.Link(where, first)
				break
			}
			e.Digest = digest.Of(i.data)
		case manifest.Symlink:
			e.Target = string(i.data)
		}
		entries = append(entries, e)
	}
	return manifesttest.New(t, entries)
}

// sameTime wants one time on all that the kernel has made.
func sameTime(t testing.TB, archive []byte, want int64) {
	t.Helper()
	root, err := unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	for where, i := range root {
		if int64(i.mtime) != want {
			t.Errorf("/%s: time %d, want %d", where, i.mtime, want)
		}
	}
}

func firstName(root map[string]*inode, of *inode) string {
	var names []string
	for where, i := range root {
		if i == of {
			names = append(names, where)
		}
	}
	return slices.Min(names)
}

// wanted is m as readBack shows it: without what is not in an archive, and the
// first name of a file is the file.
func wanted(t testing.TB, m *manifest.Manifest) *manifest.Manifest {
	t.Helper()
	first := map[string]string{} // by the path of the file
	entries := m.Entries()
	for i, e := range entries {
		of := e
		if e.Type == manifest.Link {
			of, _ = m.Lookup(e.Target)
		}
		file := of.Path
		if name, ok := first[file]; ok {
			entries[i] = manifesttest.Link(e.Path, name)
			continue
		}
		first[file] = e.Path
		of.Path, of.Origin, of.Xattrs = e.Path, "", nil
		entries[i] = of
	}
	return manifesttest.New(t, entries)
}

func compare(t testing.TB, got, want *manifest.Manifest) {
	t.Helper()
	if got.String() != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the manifest says is what a kernel makes of the archive.
func TestArchiveHoldsTheManifest(t *testing.T) {
	for _, o := range []Options{{}, {Time: 1<<32 - 1, BlockSize: 4}, {Time: 1, BlockSize: 4096}} {
		c := manifesttest.Contents{}
		m := manifesttest.New(t, sample(c))
		l := mustPlan(t, m, o)
		archive := archiveOf(t, l, c.Open)
		compare(t, readBack(t, archive), wanted(t, m))
		sameTime(t, archive, l.options.Time)
	}
}

// A file is stored once, however many names it has.
func TestLinksShareContent(t *testing.T) {
	c := manifesttest.Contents{}
	f := manifesttest.File("f", c.Add(bytes.Repeat([]byte("x"), 10000)))
	one := mustPlan(t, manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), f}), Options{BlockSize: 4}).Size()
	many := mustPlan(t, manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), f, manifesttest.Link("a", "f"), manifesttest.Link("z", "f")}), Options{BlockSize: 4})
	if got, want := many.Size(), one+2*112; got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
	opened := 0
	archiveOf(t, many, func(e manifest.Entry) (io.ReadCloser, error) {
		opened++
		return c.Open(e)
	})
	if opened != 1 {
		t.Errorf("opened %d times, want once", opened)
	}
}
