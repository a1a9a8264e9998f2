package tree

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/wire"
)

// Kind says what a node is.
type Kind uint8

const (
	File Kind = iota
	Dir
	Symlink
)

func (k Kind) String() string { return [...]string{"file", "directory", "symbolic link"}[k] }

// Node is one thing in a tree, without its name. It is comparable: equal nodes
// are equal trees.
type Node struct {
	Kind       Kind
	Digest     digest.Digest // of the bytes (File) or of the encoded Directory (Dir)
	Executable bool          // File
	Target     string        // Symlink
}

// NewFile, NewLink are the leaves of a tree.
func NewFile(d digest.Digest, executable bool) Node {
	return Node{Kind: File, Digest: d, Executable: executable}
}

func NewLink(target string) Node { return Node{Kind: Symlink, Target: target} }

// Entry is a node with its name in a directory.
type Entry struct {
	Name string
	Node Node
}

// Directory is one directory: immutable, canonical, with a digest.
type Directory struct {
	entries []Entry // sorted by name, names unique and valid
	encoded []byte
	digest  digest.Digest
}

// Empty is the directory with nothing in it.
var Empty = mustNew(nil)

func mustNew(entries []Entry) *Directory {
	d, err := New(entries)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return d
}

// New makes a directory of entries in any order. Names must be unique, not
// empty, ".", "..", nor hold a slash or NUL.
func New(entries []Entry) (*Directory, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for i, e := range sorted {
		if err := checkEntry(e); err != nil {
			return nil, err
		}
		if i > 0 && sorted[i-1].Name == e.Name {
			return nil, fmt.Errorf("name %q: twice in one directory", e.Name)
		}
	}
	encoded := encode(sorted)
	return &Directory{sorted, encoded, digest.Of(encoded)}, nil
}

func checkEntry(e Entry) error {
	switch {
	case e.Name == "", e.Name == ".", e.Name == "..":
		return fmt.Errorf("name %q: not a file name", e.Name)
	case strings.ContainsAny(e.Name, "/\x00"):
		return fmt.Errorf("name %q: slash or NUL in a file name", e.Name)
	case e.Node.Kind == Symlink && (e.Node.Target == "" || strings.Contains(e.Node.Target, "\x00")):
		return fmt.Errorf("symbolic link %q: target %q is empty or holds NUL", e.Name, e.Node.Target)
	case e.Node.Kind != Symlink && e.Node.Digest.IsZero():
		return fmt.Errorf("%s %q: no digest", e.Node.Kind, e.Name)
	}
	return nil
}

func encode(entries []Entry) []byte {
	var d wire.Directory
	for _, e := range entries {
		switch e.Node.Kind {
		case File:
			d.Files = append(d.Files, wire.File{Name: e.Name, Digest: e.Node.Digest, Executable: e.Node.Executable})
		case Dir:
			d.Directories = append(d.Directories, wire.Subdirectory{Name: e.Name, Digest: e.Node.Digest})
		case Symlink:
			d.Symlinks = append(d.Symlinks, wire.Symlink{Name: e.Name, Target: e.Node.Target})
		}
	}
	return d.Encode()
}

// Decode reads an encoded Directory; bytes that are not canonical are refused,
// so that equal trees have equal digests.
func Decode(b []byte) (*Directory, error) {
	w, err := wire.DecodeDirectory(b)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, f := range w.Files {
		entries = append(entries, Entry{f.Name, NewFile(f.Digest, f.Executable)})
	}
	for _, s := range w.Directories {
		entries = append(entries, Entry{s.Name, Node{Kind: Dir, Digest: s.Digest}})
	}
	for _, s := range w.Symlinks {
		entries = append(entries, Entry{s.Name, NewLink(s.Target)})
	}
	d, err := New(entries)
	if err != nil {
		return nil, err
	}
	if d.digest != digest.Of(b) {
		return nil, fmt.Errorf("Directory message %s is not canonical", digest.Of(b).Short())
	}
	return d, nil
}

// Entries are sorted by name; the caller must not change them.
func (d *Directory) Entries() []Entry { return d.entries }

// Lookup finds an entry by name.
func (d *Directory) Lookup(name string) (Node, bool) {
	i, ok := slices.BinarySearchFunc(d.entries, name, func(e Entry, name string) int {
		return strings.Compare(e.Name, name)
	})
	if !ok {
		return Node{}, false
	}
	return d.entries[i].Node, true
}

// Encoded is the canonical REAPI message; the caller must not change it.
func (d *Directory) Encoded() []byte { return d.encoded }

// Digest names the directory with all that is below it.
func (d *Directory) Digest() digest.Digest { return d.digest }

// Node is the directory as an entry of another.
func (d *Directory) Node() Node { return Node{Kind: Dir, Digest: d.digest} }
