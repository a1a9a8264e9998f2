package archive

import (
	"context"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
)

// Unpack writes what o wants of the archive r, of size bytes, into w. After an
// error w holds a part of it. Errors name the entry they are about.
func Unpack(ctx context.Context, r io.ReaderAt, size int64, o Options, w action.TreeWriter) error {
	if err := o.check(); err != nil {
		return err
	}
	head := make([]byte, magicSize)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch Detect(head[:n]) {
	case Zip:
		return unpackZip(ctx, r, size, o, w)
	case Unknown:
		return unsupported(head[:n])
	}
	return UnpackTar(ctx, io.NewSectionReader(r, 0, size), size, o, w)
}
