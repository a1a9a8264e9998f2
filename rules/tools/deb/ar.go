package deb

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The common ar format, as deb(5) wants it: a magic string, then members, each
// a header of 60 bytes and data, padded to an even size.
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arHeaderEnd  = "`\n"
)

// arReader reads the members of an ar file in order.
type arReader struct {
	r    io.Reader
	body *io.LimitedReader // what is left of the member before
	pad  int64             // after it: 0 or 1
}

// newArReader verifies the magic string.
func newArReader(r io.Reader) (*arReader, error) {
	magic := make([]byte, len(arMagic))
	if n, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		return nil, fmt.Errorf("not a Debian package: the file begins with %q, want %q", magic[:n], arMagic)
	}
	return &arReader{r: r, body: &io.LimitedReader{R: r}}, nil
}

// next goes to the next member; io.EOF means that there is none.
func (a *arReader) next() (name string, size int64, body io.Reader, err error) {
	skip := a.body.N + a.pad
	if n, err := io.CopyN(io.Discard, a.r, skip); err != nil && n < a.body.N {
		return "", 0, nil, io.ErrUnexpectedEOF
	}
	header := make([]byte, arHeaderSize)
	if n, err := io.ReadFull(a.r, header); err != nil {
		if n == 0 {
			return "", 0, nil, io.EOF
		}
		return "", 0, nil, io.ErrUnexpectedEOF
	}
	name, size, err = parseArHeader(header)
	if err != nil {
		return "", 0, nil, err
	}
	a.body, a.pad = &io.LimitedReader{R: a.r, N: size}, size&1
	return name, size, a.body, nil
}

// parseArHeader reads name (bytes 0-15) and size (bytes 48-57, decimal); the
// rest is time, owner and mode, of no use here.
func parseArHeader(h []byte) (name string, size int64, err error) {
	name = strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	if string(h[58:]) != arHeaderEnd {
		return "", 0, fmt.Errorf("ar member %q: the header ends with %q, want %q", name, h[58:], arHeaderEnd)
	}
	size, err = strconv.ParseInt(string(bytes.TrimRight(h[48:58], " ")), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("ar member %q: size %q is not a number of bytes", name, h[48:58])
	}
	return name, size, nil
}
