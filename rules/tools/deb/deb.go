package deb

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/archive"
	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// Unpack writes the wanted files of the package r into w. After an error w holds
// a part of it.
func Unpack(ctx context.Context, r io.Reader, wanted trees.Selection, w action.TreeWriter) error {
	ar, err := newArReader(r)
	if err != nil {
		return err
	}
	if err := checkVersion(ar); err != nil {
		return err
	}
	body, size, err := findData(ar)
	if err != nil {
		return err
	}
	o := archive.Options{Selection: wanted, AllowEscapingLinks: true}
	if err := archive.UnpackTar(ctx, body, size, o, w); err != nil {
		return fmt.Errorf("data.tar: %w", err)
	}
	return nil
}

// checkVersion reads the first member; deb(5): minor versions may add members
// whose names begin with an underscore.
func checkVersion(ar *arReader) error {
	name, _, body, err := ar.next()
	if err != nil {
		return fmt.Errorf("member debian-binary: %w", err)
	}
	if name != "debian-binary" {
		return fmt.Errorf("the first member is %q, want debian-binary", name)
	}
	version := make([]byte, 4)
	n, err := io.ReadFull(body, version)
	if err != nil || !strings.HasPrefix(string(version), "2.") {
		return fmt.Errorf("package format %q, want 2.0", version[:n])
	}
	return nil
}

// findData goes to data.tar, past control.tar and members of later versions.
func findData(ar *arReader) (body io.Reader, size int64, err error) {
	for {
		name, size, body, err := ar.next()
		switch {
		case err == io.EOF:
			return nil, 0, fmt.Errorf("no member data.tar")
		case err == io.ErrUnexpectedEOF:
			return nil, 0, fmt.Errorf("the package is truncated before data.tar")
		case err != nil:
			return nil, 0, err
		case strings.HasPrefix(name, "data.tar"):
			return body, size, nil
		case !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, "control.tar"):
			return nil, 0, fmt.Errorf("member %q: want control.tar, data.tar or a name that begins with an underscore", name)
		}
	}
}
