package tar

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// epoch is the time of every member: 1980-01-01 00:00:00 UTC, as in our images.
var epoch = time.Unix(315532800, 0)

// Source is where a tree and the content of its files are.
type Source struct {
	Trees tree.Source
	// Open opens a file. It is opened once and read to its end.
	Open func(context.Context, digest.Digest) (io.ReadCloser, error)
}

// Write writes the directory root as a tar archive, below the directory of that
// clean relative path, which is a member of its own; "" puts what is in root at
// the top. After an error the bytes already written are of no use.
func Write(ctx context.Context, w io.Writer, from Source, root tree.Node, directory string) error {
	if err := checkDirectory(directory); err != nil {
		return err
	}
	s := &stream{Source: from, out: tar.NewWriter(w), programs: map[digest.Digest]string{}}
	for i := range directory {
		if directory[i] == '/' {
			if err := s.directory(directory[:i]); err != nil {
				return err
			}
		}
	}
	err := tree.Walk(ctx, from.Trees, root, func(p string, n tree.Node) error {
		p = path.Join(directory, p)
		if p == "" {
			return nil
		}
		if err := s.member(ctx, p, n); err != nil {
			return fmt.Errorf("tar: %q: %w", p, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.out.Close()
}

func checkDirectory(p string) error {
	if p == "" {
		return nil
	}
	if path.IsAbs(p) || path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../") || strings.Contains(p, "\x00") {
		return fmt.Errorf("tar: directory %q: want a clean relative path", p)
	}
	return nil
}

// stream is an archive on its way out.
type stream struct {
	Source
	out      *tar.Writer
	programs map[digest.Digest]string // the first name of each program
}

func (s *stream) member(ctx context.Context, p string, n tree.Node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case n.Kind == tree.Dir:
		return s.directory(p)
	case n.Kind == tree.Symlink:
		return s.header(tar.Header{Typeflag: tar.TypeSymlink, Name: p, Linkname: n.Target, Mode: 0o777})
	case n.Executable && s.programs[n.Digest] != "":
		return s.header(tar.Header{Typeflag: tar.TypeLink, Name: p, Linkname: s.programs[n.Digest], Mode: 0o755})
	case n.Executable:
		s.programs[n.Digest] = p
		return s.file(ctx, tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: 0o755}, n.Digest)
	}
	return s.file(ctx, tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: 0o644}, n.Digest)
}

func (s *stream) directory(p string) error {
	return s.header(tar.Header{Typeflag: tar.TypeDir, Name: p + "/", Mode: 0o755})
}

func (s *stream) header(h tar.Header) error {
	h.ModTime = epoch
	return s.out.WriteHeader(&h)
}

func (s *stream) file(ctx context.Context, h tar.Header, d digest.Digest) error {
	h.Size = d.Size()
	if err := s.header(h); err != nil || h.Size == 0 {
		return err
	}
	content, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	defer content.Close()
	n, err := io.Copy(s.out, content)
	if err == tar.ErrWriteTooLong {
		return fmt.Errorf("content is longer than its digest says")
	}
	if err == nil && n < h.Size {
		return fmt.Errorf("content is shorter than its digest says, by %d bytes", h.Size-n)
	}
	return err
}
