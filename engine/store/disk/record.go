package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

// readRecord reads a file that formatRecord made, and notes that it was used. One
// of another format, or torn, is store.ErrMissing.
func (s *Store) readRecord(path, format string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, store.ErrMissing
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, store.ErrMissing
	}
	body, ok := parseRecord(b, format)
	if !ok {
		return nil, store.ErrMissing
	}
	if now := s.now(); now.Sub(info.ModTime()) >= stampInterval {
		s.files.times(path, now, now) // the result is good even if it is not noted that it was used
	}
	return body, nil
}

// formatRecord is the format's name, the digest of the body, the body; the first
// two end in a newline.
func formatRecord(format string, body []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s", format, digest.Of(body), body)
}

func parseRecord(b []byte, format string) (body []byte, ok bool) {
	head, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok || string(head) != format {
		return nil, false
	}
	sum, body, ok := bytes.Cut(rest, []byte("\n"))
	return body, ok && string(sum) == digest.Of(body).String()
}
