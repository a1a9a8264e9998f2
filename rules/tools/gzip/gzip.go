package gzip

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Version names the output format: equal versions give equal bytes for equal
// input and level.
const Version = "1"

const (
	chunkSize = 128 << 10 // bytes of input in a chunk; the last one is shorter
	dictSize  = 32 << 10  // the window of deflate, RFC 1951 section 2
)

// Options of Compress.
type Options struct {
	Level   int  // 1 (fast) to 9 (small)
	Workers int  // chunks compressed at a time; 0 is one for each processor
	Memo    Memo // where compressed chunks are remembered; may be nil
}

// A Memo remembers compressed chunks from one run to the next. Its methods are
// called from several goroutines at a time.
type Memo interface {
	// Get returns what was put under key, byte for byte. It may have
	// forgotten it, it may not have changed it: Compress believes it.
	Get(key digest.Digest) ([]byte, bool)
	// Put may keep compressed, and must not change it.
	Put(key digest.Digest, compressed []byte)
}

// Compress writes all of r to w as one gzip member. Any size of input will do;
// the size field at the end holds the lower 32 bits of it (RFC 1952 section
// 2.3.1). After an error, w has got a part of the member.
//
// Compress returns when ctx ends, but does not interrupt a Read or a Write.
func Compress(ctx context.Context, w io.Writer, r io.Reader, opts Options) error {
	if opts.Level < 1 || opts.Level > 9 {
		return fmt.Errorf("gzip: level %d: want 1 to 9", opts.Level)
	}
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	p := newPipeline(opts)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.read(ctx, r) })
	for range opts.Workers {
		group.Go(func() error { return p.compress(ctx) })
	}
	group.Go(func() error { return p.write(ctx, w) })
	return group.Wait()
}

// A chunk travels round and round: idle, read, compressed, written, idle.
type chunk struct {
	input      []byte        // dictionary, then data; capacity dictSize+chunkSize
	dict       int           // bytes of input that are dictionary
	compressed []byte        // whole bytes of deflate blocks, none of them final
	buffer     bytes.Buffer  // memory for compressed
	done       chan struct{} // receives one value when compressed is set
}

// pipeline connects one reader, some workers and one writer. Every channel has
// room for all chunks there are, so that sending never blocks.
type pipeline struct {
	opts    Options
	idle    chan *chunk // written, to be filled again
	work    chan *chunk // read, to be compressed by any worker
	ordered chan *chunk // the same chunks in the order of the input
	zeros   zeroChunk
	crc     uint32 // of the input; the reader's until it closes ordered
	size    uint32 // of the input modulo 2^32; likewise
}

func newPipeline(opts Options) *pipeline {
	// One chunk a worker to work on and one to have ready, one each for the
	// reader and the writer.
	n := 2*opts.Workers + 2
	p := &pipeline{
		opts:    opts,
		idle:    make(chan *chunk, n),
		work:    make(chan *chunk, n),
		ordered: make(chan *chunk, n),
	}
	for range n {
		p.idle <- &chunk{
			input: make([]byte, 0, dictSize+chunkSize),
			done:  make(chan struct{}, 1),
		}
	}
	return p
}

// read cuts r into chunks. How much a Read of r returns makes no difference.
func (p *pipeline) read(ctx context.Context, r io.Reader) error {
	window := make([]byte, 0, dictSize)
	for {
		c, err := receive(ctx, p.idle)
		if err != nil {
			return err
		}
		c.dict = len(window)
		c.input = append(c.input[:0], window...)[:c.dict+chunkSize]
		n, err := io.ReadFull(r, c.input[c.dict:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("read: %w", err)
		}
		c.input = c.input[:c.dict+n]
		p.crc = crc32.Update(p.crc, crc32.IEEETable, c.input[c.dict:])
		p.size += uint32(n)
		window = append(window[:0], c.input[max(0, len(c.input)-dictSize):]...)
		if n > 0 {
			p.ordered <- c
			p.work <- c
		}
		if err != nil {
			close(p.ordered)
			close(p.work)
			return nil
		}
	}
}

// compress works on chunks until there are no more of them.
func (p *pipeline) compress(ctx context.Context) error {
	encoder, err := newEncoder(p.opts.Level, p.opts.Memo, &p.zeros)
	if err != nil {
		return err
	}
	for {
		c, err := receive(ctx, p.work)
		if errors.Is(err, errClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := encoder.encode(c); err != nil {
			return err
		}
		c.done <- struct{}{}
	}
}

// header is RFC 1952 section 2.3 with no flags and no time. The extra flags
// stay 0 for every level: nobody reads them. 255 is "unknown", the operating
// system of an output that must not depend on it.
var header = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// finalBlock is the empty final block with fixed Huffman codes: the bits 1
// (final), 01 (fixed), 0000000 (end of block), RFC 1951 section 3.2.
var finalBlock = []byte{0x03, 0x00}

// write puts the compressed chunks out in the order of the input.
func (p *pipeline) write(ctx context.Context, w io.Writer) error {
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for {
		c, err := receive(ctx, p.ordered)
		if errors.Is(err, errClosed) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := receive(ctx, c.done); err != nil {
			return err
		}
		if _, err := w.Write(c.compressed); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p.idle <- c
	}
	trailer := binary.LittleEndian.AppendUint32(bytes.Clone(finalBlock), p.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, p.size)
	if _, err := w.Write(trailer); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// errClosed is how receive says that nothing more will come.
var errClosed = errors.New("channel closed")

// receive waits for a value, for the end of the values or for the end of ctx.
func receive[T any](ctx context.Context, from <-chan T) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case v, ok := <-from:
		if !ok {
			return none, errClosed
		}
		return v, nil
	}
}
