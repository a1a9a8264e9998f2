package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

const pinFormat = "appliance pins 1"

// Pin keeps nodes from gc as long as dir exists: a directory outside of the
// store with links into it, such as out/. It replaces what was pinned for dir
// before; no nodes unpin it.
func (s *Store) Pin(ctx context.Context, dir string, nodes []tree.Node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("pin %s: %w", dir, err)
	}
	var body strings.Builder
	fmt.Fprintf(&body, "%q\n", dir)
	for _, n := range nodes {
		switch n.Kind {
		case tree.File:
			fmt.Fprintf(&body, "file %s\n", n.Digest)
		case tree.Dir:
			fmt.Fprintf(&body, "tree %s\n", n.Digest)
		}
	}
	path := filepath.Join(s.dir, "roots", digest.Of([]byte(dir)).Hex())
	return s.writing("pins of "+dir, s.writeFile(path, formatRecord(pinFormat, []byte(body.String()))))
}

// pins are the blobs and trees that are pinned. Those of directories that are
// gone are forgotten.
func (s *Store) pins() (blobs, trees []digest.Digest, err error) {
	roots := filepath.Join(s.dir, "roots")
	entries, err := os.ReadDir(roots)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(roots, e.Name())
		b, _, err := readSmall(path)
		if err != nil {
			return nil, nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		body, ok := parseRecord(b, pinFormat)
		if !ok {
			return nil, nil, fmt.Errorf("%s is damaged or of another version; remove it if what it pins is no longer wanted", path)
		}
		moreBlobs, moreTrees, gone := parsePins(body)
		if gone {
			os.Remove(path)
			continue
		}
		blobs, trees = append(blobs, moreBlobs...), append(trees, moreTrees...)
	}
	return blobs, trees, nil
}

// parsePins reads what Pin wrote; gone says that the directory does not exist.
func parsePins(body []byte) (blobs, trees []digest.Digest, gone bool) {
	first, rest, _ := bytes.Cut(body, []byte("\n"))
	var dir string
	if _, err := fmt.Sscanf(string(first), "%q", &dir); err == nil {
		_, err := os.Stat(dir)
		gone = errors.Is(err, fs.ErrNotExist)
	}
	for line := range strings.Lines(string(rest)) {
		kind, sum, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		d, err := digest.Parse(sum)
		switch {
		case err != nil:
		case kind == "file":
			blobs = append(blobs, d)
		case kind == "tree":
			trees = append(trees, d)
		}
	}
	return blobs, trees, gone
}
