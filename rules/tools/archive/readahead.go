package archive

import (
	"context"
	"io"
)

const (
	aheadBlock = 256 << 10
	aheadCount = 8
)

// readAhead reads from another goroutine, up to 2 MiB ahead, so that decoding
// and writing overlap.
type readAhead struct {
	blocks chan block
	free   chan []byte
	stop   context.CancelFunc
	now    block
	rest   []byte // of now
}

// block is some bytes and, after the last of them, why there are no more.
type block struct {
	bytes []byte
	err   error
}

// newReadAhead starts to read r. Once Close has returned, r is not touched any
// more.
func newReadAhead(ctx context.Context, r io.Reader) *readAhead {
	ctx, stop := context.WithCancel(ctx)
	a := &readAhead{blocks: make(chan block, aheadCount), free: make(chan []byte, aheadCount), stop: stop}
	for range aheadCount {
		a.free <- nil
	}
	go a.fill(ctx, r)
	return a
}

func (a *readAhead) fill(ctx context.Context, r io.Reader) {
	defer close(a.blocks)
	for {
		select {
		case <-ctx.Done():
			a.blocks <- block{err: ctx.Err()}
			return
		case b := <-a.free:
			if b == nil {
				b = make([]byte, aheadBlock)
			}
			n, err := readFull(r, b)
			a.blocks <- block{b[:n], err}
			if err != nil {
				return
			}
		}
	}
}

// readFull is io.ReadFull with the reader's own error.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// Read gives the bytes in order, then the error that r ended with.
func (a *readAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if cap(a.now.bytes) > 0 {
			a.free <- a.now.bytes[:cap(a.now.bytes)]
		}
		a.now = <-a.blocks
		a.rest = a.now.bytes
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the reading.
func (a *readAhead) Close() {
	a.stop()
	for range a.blocks {
	}
}
