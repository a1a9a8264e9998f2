package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/kittyhawk/appliance/engine/action"
)

// UnpackTar unpacks a tar archive, compressed or not, of size bytes in all, from
// a stream. It reads to the end of r. As for other programs, the end of the data
// ends the archive even if the two blocks of zeros that should be there are not.
func UnpackTar(ctx context.Context, r io.Reader, size int64, o Options, w action.TreeWriter) error {
	if err := o.check(); err != nil {
		return err
	}
	stream, format, err := Decompress(r)
	if err != nil {
		return err
	}
	defer stream.Close()
	ahead := newReadAhead(ctx, stream)
	defer ahead.Close()
	x := newExtraction(ctx, size, o, w)
	in := &meter{r: ahead, left: x.left + streamAllowance, limit: x.limit}
	if err := unpackTar(in, x); err != nil {
		return in.explain(err, format, x)
	}
	return x.finish()
}

// streamAllowance is what headers may take in addition to the bytes of files.
const streamAllowance = 1 << 30

// meter counts the bytes of the unpacked stream and ends it when they are too
// many, also those of entries that nobody wants.
type meter struct {
	r     io.Reader
	count int64
	left  int64
	limit string
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.count += int64(n)
	if m.left -= int64(n); m.left < 0 {
		return 0, fmt.Errorf("the archive unpacks to more than %s", m.limit)
	}
	return n, err
}

// explain adds to an error how far the archive could be read.
func (m *meter) explain(err error, f Format, x *extraction) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the archive is truncated: the %s data end after %d bytes and %d entries%s", f, m.count, x.entries, x.lastEntry())
	case errors.Is(err, tar.ErrHeader):
		err = fmt.Errorf("no tar header at byte %d of the unpacked data, after %d entries%s", m.count, x.entries, x.lastEntry())
	}
	return err
}

func (x *extraction) lastEntry() string {
	if x.entries == 0 {
		return ""
	}
	return fmt.Sprintf(", the last of them %q", x.last)
}

func unpackTar(in io.Reader, x *extraction) error {
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return drain(in, x)
		}
		if err != nil {
			return fmt.Errorf("after %d entries: %w", x.entries, err)
		}
		err = x.putTar(h, t)
		var outside *outsideError
		if errors.As(err, &outside) {
			return x.tarTopLevel(h, t).explain(err)
		}
		if err != nil {
			return err
		}
	}
}

// drain reads what follows the archive, so that the decompressor gets to verify
// its checksum. Behind gzip data there may be padding, which gzip ignores, too.
func drain(in io.Reader, x *extraction) error {
	if _, err := io.Copy(io.Discard, in); err != nil && !errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("after all %d entries: %w", x.entries, err)
	}
	return nil
}

// tarTopLevel reads on, to tell what strip_prefix could have been. The entries
// before this one lie below the prefix.
func (x *extraction) tarTopLevel(h *tar.Header, t *tar.Reader) topLevel {
	top := topLevel{}
	if x.entries > 1 {
		top.add(x.strip.prefix, true)
	}
	for err := error(nil); err == nil; h, err = t.Next() {
		if h.Typeflag != tar.TypeXGlobalHeader {
			top.add(h.Name, h.Typeflag == tar.TypeDir)
		}
	}
	return top
}

// putTar translates one header. Types are those of POSIX pax, and GNU's.
func (x *extraction) putTar(h *tar.Header, body io.Reader) error {
	e := entry{name: h.Name, executable: h.Mode&0o111 != 0, target: h.Linkname, size: h.Size, body: body}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		e.kind = file
	case tar.TypeDir:
		e.kind = dir
	case tar.TypeSymlink:
		e.kind = symlink
	case tar.TypeLink:
		e.kind = hardlink
	case tar.TypeXGlobalHeader, typeVolume:
		return nil
	default:
		return fmt.Errorf("entry %q: is a %s; want files, directories and links alone", h.Name, typeName(h.Typeflag))
	}
	return x.put(e)
}

// typeVolume is GNU tar's volume label, which is no file.
const typeVolume = 'V'

func typeName(flag byte) string {
	switch flag {
	case tar.TypeChar:
		return "character device"
	case tar.TypeBlock:
		return "block device"
	case tar.TypeFifo:
		return "fifo"
	}
	return fmt.Sprintf("thing of unknown type %q", flag)
}
