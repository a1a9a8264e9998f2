package wire

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/digest"
)

// File, Directory and Symlink are REAPI's FileNode, DirectoryNode and
// SymlinkNode.
type (
	File struct {
		Name       string
		Digest     digest.Digest
		Executable bool
	}
	Subdirectory struct {
		Name   string
		Digest digest.Digest // of the encoded Directory
	}
	Symlink struct {
		Name   string
		Target string
	}
)

// Directory is REAPI's Directory. Each list is sorted by name.
type Directory struct {
	Files       []File
	Directories []Subdirectory
	Symlinks    []Symlink
}

// Encode is the canonical bytes of d.
func (d Directory) Encode() []byte {
	var m message
	for _, f := range d.Files {
		var node message
		node.string(1, f.Name)
		node.digest(2, f.Digest)
		node.bool(4, f.Executable)
		m.always(1, node)
	}
	for _, s := range d.Directories {
		var node message
		node.string(1, s.Name)
		node.digest(2, s.Digest)
		m.always(2, node)
	}
	for _, s := range d.Symlinks {
		var node message
		node.string(1, s.Name)
		node.string(2, s.Target)
		m.always(3, node)
	}
	return m
}

// DecodeDirectory reads what Encode wrote. It does not check names or order.
func DecodeDirectory(b []byte) (Directory, error) {
	var d Directory
	err := fields(b, func(f field) error {
		name, target, sum, executable, err := decodeNode(f)
		switch {
		case err != nil:
			return err
		case f.number == 1:
			d.Files = append(d.Files, File{name, sum, executable})
		case f.number == 2:
			d.Directories = append(d.Directories, Subdirectory{name, sum})
		case f.number == 3:
			d.Symlinks = append(d.Symlinks, Symlink{name, target})
		}
		return nil
	})
	if err != nil {
		return Directory{}, fmt.Errorf("Directory message: %w", err)
	}
	return d, nil
}

// decodeNode reads any of the three node messages: they share field numbers.
func decodeNode(f field) (name, target string, sum digest.Digest, executable bool, err error) {
	err = fields(f.bytes, func(g field) (err error) {
		switch {
		case g.number == 1:
			name = string(g.bytes)
		case g.number == 2 && f.number == 3:
			target = string(g.bytes)
		case g.number == 2:
			sum, err = decodeDigest(g.bytes)
		case g.number == 4:
			executable = g.varint != 0
		}
		return err
	})
	return name, target, sum, executable, err
}
