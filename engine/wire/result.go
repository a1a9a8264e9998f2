package wire

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/digest"
)

// OutputFile, OutputDirectory and OutputSymlink are the outputs in REAPI's
// ActionResult, by path relative to the input root.
type (
	OutputFile struct {
		Path       string
		Digest     digest.Digest
		Executable bool
	}
	OutputDirectory struct {
		Path string
		Root digest.Digest // of the root Directory message
	}
	OutputSymlink struct {
		Path   string
		Target string
	}
)

// ActionResult is REAPI's ActionResult, as far as it is used. Each list is
// sorted by path.
type ActionResult struct {
	Files       []OutputFile
	Directories []OutputDirectory
	Symlinks    []OutputSymlink
	ExitCode    int32
	Stdout      digest.Digest // the log: standard output and error together
}

// Encode is the canonical bytes of r.
func (r ActionResult) Encode() []byte {
	var m message
	for _, f := range r.Files {
		var sub message
		sub.string(1, f.Path)
		sub.digest(2, f.Digest)
		sub.bool(4, f.Executable)
		m.always(2, sub)
	}
	for _, d := range r.Directories {
		var sub message
		sub.string(1, d.Path)
		sub.digest(5, d.Root)
		m.always(3, sub)
	}
	m.varint(4, uint64(r.ExitCode))
	m.digest(6, r.Stdout)
	for _, s := range r.Symlinks {
		var sub message
		sub.string(1, s.Path)
		sub.string(2, s.Target)
		m.always(12, sub)
	}
	return m
}

// DecodeActionResult reads what Encode wrote.
func DecodeActionResult(b []byte) (ActionResult, error) {
	var r ActionResult
	err := fields(b, r.decodeField)
	if err != nil {
		return ActionResult{}, fmt.Errorf("ActionResult message: %w", err)
	}
	return r, nil
}

func (r *ActionResult) decodeField(f field) (err error) {
	switch f.number {
	case 2:
		out := OutputFile{}
		err = fields(f.bytes, func(g field) (err error) {
			switch g.number {
			case 1:
				out.Path = string(g.bytes)
			case 2:
				out.Digest, err = decodeDigest(g.bytes)
			case 4:
				out.Executable = g.varint != 0
			}
			return err
		})
		r.Files = append(r.Files, out)
	case 3:
		out := OutputDirectory{}
		err = fields(f.bytes, func(g field) (err error) {
			switch g.number {
			case 1:
				out.Path = string(g.bytes)
			case 5:
				out.Root, err = decodeDigest(g.bytes)
			}
			return err
		})
		r.Directories = append(r.Directories, out)
	case 4:
		r.ExitCode = int32(f.varint)
	case 6:
		r.Stdout, err = decodeDigest(f.bytes)
	case 12:
		out := OutputSymlink{}
		err = fields(f.bytes, func(g field) error {
			switch g.number {
			case 1:
				out.Path = string(g.bytes)
			case 2:
				out.Target = string(g.bytes)
			}
			return nil
		})
		r.Symlinks = append(r.Symlinks, out)
	}
	return err
}
