package cpio

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// OpenFunc opens the content of a File. Every file that is not empty is opened
// once, at its last name in the order of paths, and read to its end.
type OpenFunc func(manifest.Entry) (io.ReadCloser, error)

// bufferSize is the memory for the archive, small enough to stay in the
// processor's cache between reading and writing.
const bufferSize = 1 << 17

// Write writes the archive, Size bytes from front to back. After an error the
// bytes already written are of no use. It is an error when content is shorter
// or longer than its digest says; the digest itself is not checked, that is up
// to the store that open reads from.
func (l *Layout) Write(ctx context.Context, w io.Writer, open OpenFunc) error {
	s := &stream{
		out:  bufio.NewWriterSize(untilDone{ctx.Err, w}, bufferSize),
		open: open,
		time: l.options.Time,
	}
	for _, m := range l.members {
		if err := s.member(m); err != nil {
			return fmt.Errorf("cpio: /%s: %w", m.path, err)
		}
	}
	if err := s.finish(l.size); err != nil {
		return fmt.Errorf("cpio: %w", err)
	}
	return nil
}

// stream is the archive on its way out.
type stream struct {
	out     *bufio.Writer
	open    OpenFunc
	time    int64
	written int64 // bytes given to out
	header  []byte
}

func (s *stream) member(m member) error {
	if err := s.head(m, s.time); err != nil {
		return err
	}
	if m.size == 0 {
		return nil
	}
	if err := s.data(m); err != nil {
		return err
	}
	return s.zeros(roundUp(s.written, alignment) - s.written)
}

func (s *stream) head(m member, time int64) error {
	s.header = m.appendHeader(s.header[:0], time)
	n, err := s.out.Write(s.header)
	s.written += int64(n)
	return err
}

func (s *stream) data(m member) error {
	if m.inode.Type == manifest.Symlink {
		n, err := s.out.WriteString(m.inode.Target)
		s.written += int64(n)
		return err
	}
	content, err := s.open(m.inode)
	if err != nil {
		return err
	}
	defer content.Close()
	n, err := io.CopyN(s.out, content, m.size)
	s.written += n
	if err == io.EOF {
		return fmt.Errorf("content is shorter than its digest says, by %d bytes", m.size-n)
	}
	if err != nil {
		return err
	}
	return checkEnd(content)
}

// finish ends the archive and fills it up to size.
func (s *stream) finish(size int64) error {
	if err := s.head(trailer(), 0); err != nil {
		return err
	}
	if s.written > size {
		return fmt.Errorf("bug: archive of %d bytes, planned for %d", s.written, size)
	}
	if err := s.zeros(size - s.written); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *stream) zeros(n int64) error {
	written, err := s.out.Write(make([]byte, n))
	s.written += int64(written)
	return err
}

// checkEnd refuses content that is longer than its digest says.
func checkEnd(r io.Reader) error {
	var b [1]byte
	n, err := io.ReadFull(r, b[:])
	if n > 0 {
		return fmt.Errorf("content is longer than its digest says")
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// untilDone refuses to write when done reports an error.
type untilDone struct {
	done func() error
	io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.done(); err != nil {
		return 0, err
	}
	return u.Writer.Write(p)
}
