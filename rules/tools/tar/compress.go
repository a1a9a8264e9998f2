package tar

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"github.com/kittyhawk/appliance/rules/tools/gzip"
)

// Compression is how an archive is compressed.
type Compression struct {
	Format  string // "zstd", "gzip" or "none"
	Level   int    // gzip: 1 to 9; zstd: 1 to 19, see zstdLevel; none: 0
	Workers int    // how much is compressed at a time; 0 is one for each processor
}

const (
	// window is what every zstd decoder makes room for, in bytes.
	window = 8 << 20
	// bufferSize is the memory between the archive and its compression: small
	// enough for the processor's cache.
	bufferSize = 128 << 10
)

func (c Compression) check() error {
	top := map[string]int{"none": 0, "gzip": 9, "zstd": 19}
	most, known := top[c.Format]
	switch {
	case !known:
		return fmt.Errorf(`tar: compression %q: want "zstd", "gzip" or "none"`, c.Format)
	case most == 0 && c.Level != 0:
		return fmt.Errorf("tar: level %d: what is not compressed has none; want 0", c.Level)
	case most > 0 && (c.Level < 1 || c.Level > most):
		return fmt.Errorf("tar: level %d: %s has levels 1 to %d", c.Level, c.Format, most)
	}
	return nil
}

// Compress writes to w what write writes, compressed.
func Compress(ctx context.Context, w io.Writer, c Compression, write func(io.Writer) error) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	plain, pipe := io.Pipe()
	compressed := make(chan error, 1)
	go func() {
		err := c.compress(ctx, w, plain)
		plain.CloseWithError(err)
		compressed <- err
	}()
	buffer := bufio.NewWriterSize(pipe, bufferSize)
	err := write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	pipe.CloseWithError(err)
	// Either side's error is seen by the other one, too.
	return <-compressed
}

func (c Compression) compress(ctx context.Context, w io.Writer, r io.Reader) error {
	switch c.Format {
	case "gzip":
		return gzip.Compress(ctx, w, r, gzip.Options{Level: c.Level, Workers: c.Workers})
	case "zstd":
		return c.zstd(w, r)
	}
	_, err := io.Copy(w, r)
	return err
}

func (c Compression) zstd(w io.Writer, r io.Reader) error {
	encoder, err := zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstdLevel(c.Level)),
		zstd.WithWindowSize(window),
		zstd.WithConcurrentBlocks(true),
		// One worker would not cut the input, and so make other bytes.
		zstd.WithEncoderConcurrency(max(2, c.Workers)),
	)
	if err != nil {
		return err
	}
	_, err = encoder.ReadFrom(r)
	if closing := encoder.Close(); err == nil {
		err = closing
	}
	return err
}

// zstdLevel is the encoder's nearest to a level of the zstd program. It has four:
// for 1 and 2, 3 to 5, 6 to 9, and 10 to 19.
func zstdLevel(level int) zstd.EncoderLevel { return zstd.EncoderLevelFromZstd(level) }
