package manifesttest

import (
	"errors"
	"io"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// DiskFull calls write with writers that take ever more bytes, by step up to size,
// and then no more: every call has to fail with the writer's error, and to have
// closed every file.
func DiskFull(t *testing.T, c Contents, size, step int64, write func(w io.Writer, open func(manifest.Entry) (io.ReadCloser, error)) error) {
	t.Helper()
	full := errors.New("no space left on device")
	for limit := int64(0); limit < size; limit += step {
		opened := 0
		open := func(e manifest.Entry) (io.ReadCloser, error) {
			r, err := c.Open(e)
			opened++
			return closer{r, func() { opened-- }}, err
		}
		err := write(&limitedWriter{limit, full}, open)
		if !errors.Is(err, full) || opened != 0 {
			t.Errorf("after %d bytes: got %v with %d files open, want %v", limit, err, opened, full)
		}
	}
}

type closer struct {
	io.Reader
	closed func()
}

func (c closer) Close() error {
	c.closed()
	return nil
}

// limitedWriter takes left bytes, then fails.
type limitedWriter struct {
	left int64
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, w.err
	}
	w.left -= int64(len(p))
	return len(p), nil
}
