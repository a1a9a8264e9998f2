package gzip

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/kittyhawk/appliance/engine/digest"
)

// encoder turns the input of chunks into deflate blocks. It belongs to one
// goroutine; only memo and zeros are shared.
type encoder struct {
	level int
	memo  Memo // may be nil
	zeros *zeroChunk
	flate *flate.Writer
}

func newEncoder(level int, memo Memo, zeros *zeroChunk) (*encoder, error) {
	w, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		return nil, err
	}
	return &encoder{level: level, memo: memo, zeros: zeros, flate: w}, nil
}

// encode sets c.compressed.
func (e *encoder) encode(c *chunk) error {
	if isAllZero(c) {
		return e.encodeZeros(c)
	}
	if e.memo == nil {
		return e.deflate(c)
	}
	key := chunkKey(e.level, c)
	if known, ok := e.memo.Get(key); ok {
		c.compressed = known
		return nil
	}
	if err := e.deflate(c); err != nil {
		return err
	}
	e.memo.Put(key, bytes.Clone(c.compressed))
	return nil
}

// deflate compresses the data of c and ends with a sync flush (an empty stored
// block), which brings it to a byte boundary.
func (e *encoder) deflate(c *chunk) error {
	c.buffer.Reset()
	e.flate.ResetDict(&c.buffer, c.input[:c.dict])
	if _, err := e.flate.Write(c.input[c.dict:]); err != nil {
		return err
	}
	if err := e.flate.Flush(); err != nil {
		return err
	}
	c.compressed = c.buffer.Bytes()
	return nil
}

// zeros is what the input of most chunks in the free space of an image is.
var zeros [dictSize + chunkSize]byte

// isAllZero reports whether c is a whole chunk of zeros after a dictionary of
// zeros.
func isAllZero(c *chunk) bool {
	return len(c.input) == len(zeros) && bytes.Equal(c.input, zeros[:])
}

// zeroChunk is the compressed form of such a chunk, made when first needed.
type zeroChunk struct {
	once       sync.Once
	compressed []byte
	err        error
}

func (e *encoder) encodeZeros(c *chunk) error {
	z := e.zeros
	z.once.Do(func() {
		z.err = e.deflate(c)
		z.compressed = bytes.Clone(c.compressed)
	})
	c.compressed = z.compressed
	return z.err
}

// chunkKey names the compressed form of c by all that decides about it.
func chunkKey(level int, c *chunk) digest.Digest {
	h := digest.NewHasher()
	fmt.Fprintf(h, "gzip chunk, version %s, level %d, dictionary %d\n", Version, level, c.dict)
	h.Write(c.input)
	return h.Digest()
}
