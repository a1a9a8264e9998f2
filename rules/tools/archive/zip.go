package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
)

// unpackZip unpacks a zip archive of size bytes. Executable bits and symbolic
// links are there only if the archive was made on a Unix.
func unpackZip(ctx context.Context, r io.ReaderAt, size int64, o Options, w action.TreeWriter) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	x := newExtraction(ctx, size, o, w)
	for _, f := range z.File {
		err := x.putZip(f)
		var outside *outsideError
		if errors.As(err, &outside) {
			return zipTopLevel(z).explain(err)
		}
		if err != nil {
			return err
		}
	}
	return x.finish()
}

func zipTopLevel(z *zip.Reader) topLevel {
	top := topLevel{}
	for _, f := range z.File {
		top.add(f.Name, false)
	}
	return top
}

// zipEncrypted is bit 0 of the general purpose flags (APPNOTE.TXT, 4.4.4).
const zipEncrypted = 1

func (x *extraction) putZip(f *zip.File) error {
	mode := f.Mode()
	switch {
	case f.Flags&zipEncrypted != 0:
		return fmt.Errorf("entry %q: is encrypted", f.Name)
	case strings.Contains(f.Name, `\`):
		return fmt.Errorf("entry %q: backslash in the name, which some systems take for a slash", f.Name)
	case mode&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return fmt.Errorf("entry %q: is a device, fifo or socket; want files, directories and links alone", f.Name)
	case mode.IsDir():
		return x.put(entry{name: f.Name, kind: dir})
	}
	body, err := f.Open()
	if err != nil {
		return fmt.Errorf("entry %q: %w", f.Name, err)
	}
	defer body.Close()
	if mode&fs.ModeSymlink == 0 {
		size := int64(min(f.UncompressedSize64, 1<<62))
		return x.put(entry{name: f.Name, kind: file, executable: mode&0o111 != 0, size: size, body: body})
	}
	target, err := io.ReadAll(io.LimitReader(body, maxPath+1))
	if err != nil {
		return fmt.Errorf("entry %q: %w", f.Name, err)
	}
	return x.put(entry{name: f.Name, kind: symlink, target: string(target)})
}
