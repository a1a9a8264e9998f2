package ext2

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Holes knows which blocks of which files are zeros. Where those lie decides
// where everything else lies, so it has to be known before the first byte is
// written: FindHoles reads all content once more than Write does.
type Holes struct {
	blockSize int
	runs      map[digest.Digest][]run // only files that have holes
}

// FindHoles reads every file of m, those of equal content once, and notes its
// blocks of zeros. blockSize is that of Options, in bytes, with the same default.
func FindHoles(ctx context.Context, m *manifest.Manifest, blockSize int, open OpenFunc) (*Holes, error) {
	o, err := Options{BlockSize: blockSize}.withDefaults()
	if err != nil {
		return nil, err
	}
	blockSize = o.BlockSize
	h := &Holes{blockSize, map[digest.Digest][]run{}}
	seen := map[digest.Digest]bool{}
	buf := make([]byte, bufferSize)
	for _, e := range m.Entries() {
		if e.Type != manifest.File || e.Size() == 0 || seen[e.Digest] {
			continue
		}
		seen[e.Digest] = true
		runs, err := findRuns(ctx, e, blockSize, buf, open)
		if err != nil {
			return nil, fmt.Errorf("ext2: /%s: %w", e.Path, err)
		}
		if stored(runs, 0, lastStored(runs)) < ceilDiv(e.Size(), int64(blockSize)) {
			h.runs[e.Digest] = runs
		}
	}
	return h, nil
}

func findRuns(ctx context.Context, e manifest.Entry, blockSize int, buf []byte, open OpenFunc) ([]run, error) {
	r, err := open(e)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var runs []run
	block := int64(0)
	for left := e.Size(); left > 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		chunk := buf[:min(left, int64(len(buf)))]
		if err := readFull(r, chunk); err != nil {
			return nil, err
		}
		left -= int64(len(chunk))
		for ; len(chunk) > 0; block++ {
			n := min(blockSize, len(chunk))
			if !isZero(chunk[:n]) {
				runs = appendBlock(runs, block)
			}
			chunk = chunk[n:]
		}
	}
	return runs, checkEnd(r)
}

func appendBlock(runs []run, block int64) []run {
	if n := len(runs); n > 0 && runs[n-1].first+runs[n-1].count == block {
		runs[n-1].count++
		return runs
	}
	return append(runs, run{block, 1})
}

// zeros is never written to.
var zeros [4096]byte

func isZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

// readFull fills b, for content that must not be shorter than its digest says.
func readFull(r io.Reader, b []byte) error {
	n, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("content is shorter than its digest says, by %d bytes or more", len(b)-n)
	}
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
