package gzip

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
)

// corpus is n bytes that look a little like a file system image: words, some
// noise, and stretches of zeros.
func corpus(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4000)
	for i := range words {
		words[i] = fmt.Appendf(nil, "%x ", rng.Uint64()>>(rng.Uint32()%60))
	}
	var b []byte
	for len(b) < n {
		switch rng.Uint32() % 20000 {
		case 0:
			b = append(b, make([]byte, rng.Uint32()%(3*chunkSize))...)
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			b = binary.BigEndian.AppendUint64(b, rng.Uint64())
		default:
			b = append(b, words[rng.Uint32()%uint32(len(words))]...)
		}
	}
	return b[:n]
}

func compress(t testing.TB, r io.Reader, opts Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Compress(context.Background(), &out, r, opts); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gunzip(t testing.TB, member []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		t.Fatal(err)
	}
	r.Multistream(false)
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// interestingSizes are those around the borders of chunks and dictionaries.
var interestingSizes = []int{
	0, 1, 2, dictSize - 1, dictSize, dictSize + 1,
	chunkSize - 1, chunkSize, chunkSize + 1, chunkSize + dictSize,
	2 * chunkSize, 5*chunkSize + 17,
}

// A member that an independent reader cannot unpack boots no machine.
func TestRoundTrip(t *testing.T) {
	all := corpus(5*chunkSize + 17)
	for level := 1; level <= 9; level++ {
		for _, size := range interestingSizes {
			want := all[:size]
			got := gunzip(t, compress(t, bytes.NewReader(want), Options{Level: level, Workers: 3}))
			if !bytes.Equal(got, want) {
				t.Errorf("level %d, %d bytes: unpacked bytes differ", level, size)
			}
		}
	}
}

// The header says nothing about the time, the file or the machine.
func TestFrame(t *testing.T) {
	input := corpus(1000)
	member := compress(t, bytes.NewReader(input), Options{Level: 9})
	if got, want := member[:10], []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}; !bytes.Equal(got, want) {
		t.Errorf("header: got %x, want %x", got, want)
	}
	trailer := member[len(member)-8:]
	if got, want := binary.LittleEndian.Uint32(trailer), crc32.ChecksumIEEE(input); got != want {
		t.Errorf("crc: got %08x, want %08x", got, want)
	}
	if got := binary.LittleEndian.Uint32(trailer[4:]); got != 1000 {
		t.Errorf("size: got %d, want 1000", got)
	}
}

// Two machines with different core counts must agree on every byte, or no
// image could be shared between them.
func TestSameBytesForAllWorkers(t *testing.T) {
	input := corpus(24 * chunkSize)
	for _, level := range []int{1, 3, 5, 6, 7, 8} {
		want := compress(t, bytes.NewReader(input), Options{Level: level, Workers: 1})
		for _, workers := range []int{0, 2, 8} {
			if !bytes.Equal(compress(t, bytes.NewReader(input), Options{Level: level, Workers: workers}), want) {
				t.Errorf("level %d: %d workers give other bytes than 1", level, workers)
			}
		}
	}
}

// A reader may return as little as it likes; pipes do.
func TestSameBytesForAllReaders(t *testing.T) {
	input := corpus(3*chunkSize + 5)
	want := compress(t, bytes.NewReader(input), Options{Level: 6})
	readers := map[string]io.Reader{
		"half":     iotest.HalfReader(bytes.NewReader(input)),
		"one byte": iotest.OneByteReader(bytes.NewReader(input)),
		"data+EOF": iotest.DataErrReader(bytes.NewReader(input)),
	}
	for name, r := range readers {
		if !bytes.Equal(compress(t, r, Options{Level: 6, Workers: 2}), want) {
			t.Errorf("reader %q gives other bytes", name)
		}
	}
}

// An encoder that has worked before must not remember anything of it, or the
// bytes would depend on which worker got which chunk.
func TestEncoderForgets(t *testing.T) {
	input := corpus(8 * chunkSize)
	for level := 1; level <= 9; level++ {
		used, err := newEncoder(level, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for start := 0; start < len(input); start += chunkSize {
			first := max(0, start-dictSize)
			c := &chunk{input: input[first : start+chunkSize], dict: start - first}
			fresh, err := newEncoder(level, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := fresh.deflate(c); err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(c.compressed)
			if err := used.deflate(c); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(c.compressed, want) {
				t.Errorf("level %d, chunk at %d: used encoder gives other bytes than a fresh one", level, start)
			}
		}
	}
}

// The bytes are part of cache keys of everything downstream. If this fails
// after an upgrade of the encoder, raise Version and put the new digests here.
func TestGoldenDigests(t *testing.T) {
	if Version != "1" {
		t.Fatalf("Version is %s: put the digests of that version here", Version)
	}
	input := append(corpus(6*chunkSize+1234), make([]byte, 4*chunkSize)...)
	golden := map[int]string{
		1: "b2250257ea27191d96c37c29ce8d5bc6453cc1d7cbbab22c5b85e46a03c65500/94235",
		6: "d9cc93e7045aac9383fefba78fb9c2e281218dba40d3875891147f2801f82aab/86792",
		8: "b2aef5f89dfb9a2565468969b381fc308ab6c9ed9dfbdf06a6d5e8ab67b8567e/85909",
		9: "b4d0cab089c5d00a285bbfa5eb3d647f9b5d936107bea0cb9a22980caaec534d/84472",
	}
	for level, want := range golden {
		got := digest.Of(compress(t, bytes.NewReader(input), Options{Level: level})).String()
		if got != want {
			t.Errorf("level %d: got %s, want %s", level, got, want)
		}
	}
}

// memo counts. It is what a test needs to know about caching.
type memo struct {
	mu         sync.Mutex
	entries    map[digest.Digest][]byte
	hits, puts int
}

func newMemo() *memo { return &memo{entries: map[digest.Digest][]byte{}} }

func (m *memo) Get(key digest.Digest) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.entries[key]
	if ok {
		m.hits++
	}
	return b, ok
}

func (m *memo) Put(key digest.Digest, compressed []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	m.entries[key] = compressed
}

// One changed byte may cost two chunks (its own and the one whose dictionary
// it is in), not the whole image.
func TestMemoSavesUnchangedChunks(t *testing.T) {
	const chunks = 20
	input := make([]byte, chunks*chunkSize)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range input {
		input[i] = byte(rng.Uint32() % 20)
	}
	m := newMemo()
	opts := Options{Level: 6, Workers: 2, Memo: m}
	first := compress(t, bytes.NewReader(input), opts)
	if m.hits != 0 || m.puts != chunks {
		t.Fatalf("first run: got %d hits and %d puts, want 0 and %d", m.hits, m.puts, chunks)
	}
	if !bytes.Equal(first, compress(t, bytes.NewReader(input), Options{Level: 6})) {
		t.Error("the memo changes the bytes")
	}
	if again := compress(t, bytes.NewReader(input), opts); !bytes.Equal(again, first) {
		t.Error("remembered chunks give other bytes")
	}
	if m.hits != chunks || m.puts != chunks {
		t.Fatalf("second run: got %d hits and %d puts, want %d and %d", m.hits, m.puts, chunks, chunks)
	}
	input[5*chunkSize-1]++
	changed := compress(t, bytes.NewReader(input), opts)
	if m.puts != chunks+2 {
		t.Errorf("one byte changed: got %d new chunks, want 2", m.puts-chunks)
	}
	if !bytes.Equal(gunzip(t, changed), input) {
		t.Error("after a change: unpacked bytes differ")
	}
	compress(t, bytes.NewReader(input), Options{Level: 7, Memo: m})
	if m.puts != 2*chunks+2 {
		t.Errorf("another level: got %d new chunks, want all %d", m.puts-chunks-2, chunks)
	}
}

// Chunks of zeros are compressed once; the others of them need not even a key.
func TestZerosAreNotRemembered(t *testing.T) {
	m := newMemo()
	const chunks = 50
	input := make([]byte, chunks*chunkSize)
	member := compress(t, bytes.NewReader(input), Options{Level: 9, Memo: m})
	if m.puts != 1 {
		t.Errorf("got %d chunks put, want only the first, which has no dictionary", m.puts)
	}
	if !bytes.Equal(gunzip(t, member), input) {
		t.Error("unpacked bytes differ")
	}
}

// The size field wraps at 4 GiB and readers know it (RFC 1952 section 2.3.1).
func TestLargerThanTheSizeField(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4 GiB of zeros")
	}
	const size = 1<<32 + 12345
	member := compress(t, io.LimitReader(zeroReader{}, size), Options{Level: 1})
	if got := binary.LittleEndian.Uint32(member[len(member)-4:]); got != 12345 {
		t.Errorf("size field: got %d, want 12345", got)
	}
	r, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); n != size || err != nil {
		t.Errorf("unpacked %d bytes (%v), want %d", n, err, int64(size))
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBadLevel(t *testing.T) {
	for _, level := range []int{-1, 0, 10} {
		err := Compress(context.Background(), io.Discard, bytes.NewReader(nil), Options{Level: level})
		if err == nil {
			t.Errorf("level %d: no error", level)
		}
	}
}

// endless cancels after some reads; without cancellation Compress would never
// come back from it.
type endless struct {
	reads  int
	cancel func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads--; e.reads == 0 {
		e.cancel()
	}
	return len(p), nil
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := Compress(ctx, io.Discard, &endless{reads: 30, cancel: cancel}, Options{Level: 1, Workers: 4})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
}

type failingWriter struct {
	left int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

// A full disk or a bad source is reported, and nothing is left running.
func TestReadAndWriteErrors(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(corpus(3*chunkSize)), iotest.ErrReader(broken))
	if err := Compress(context.Background(), io.Discard, r, Options{Level: 1}); !errors.Is(err, broken) {
		t.Errorf("bad reader: got %v, want %v", err, broken)
	}
	member := compress(t, bytes.NewReader(corpus(3*chunkSize)), Options{Level: 1})
	for _, left := range []int{0, 20, len(member) / 2, len(member) - 1} {
		w := &failingWriter{left: left, err: broken}
		err := Compress(context.Background(), w, bytes.NewReader(corpus(3*chunkSize)), Options{Level: 1})
		if !errors.Is(err, broken) {
			t.Errorf("writer fails after %d bytes: got %v, want %v", left, err, broken)
		}
	}
}

// gzip and pigz are the judges: they must accept the member without a warning.
func TestGunzip(t *testing.T) {
	input := corpus(5*chunkSize + 17)
	for _, name := range []string{"gzip", "pigz"} {
		program := judge.Tool(t, name)
		for _, size := range []int{0, chunkSize, len(input)} {
			cmd := exec.Command(program, "-d", "-c")
			cmd.Stdin = bytes.NewReader(compress(t, bytes.NewReader(input[:size]), Options{Level: 9}))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			got, err := cmd.Output()
			if err != nil || stderr.Len() > 0 {
				t.Errorf("%s: %d bytes: %v %s", name, size, err, stderr.String())
			}
			if !bytes.Equal(got, input[:size]) {
				t.Errorf("%s: %d bytes: other bytes", name, size)
			}
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(nil), uint32(0), uint8(1))
	f.Add([]byte("word word word"), uint32(chunkSize), uint8(9))
	f.Add([]byte{0}, uint32(2*chunkSize), uint8(6))
	f.Add(corpus(100), uint32(3*chunkSize-1), uint8(7))
	f.Fuzz(func(t *testing.T, pattern []byte, size uint32, level uint8) {
		input := bytes.Repeat(pattern, 1+int(size%(4*chunkSize))/max(1, len(pattern)))
		member := compress(t, bytes.NewReader(input), Options{Level: 1 + int(level%9), Workers: 2})
		if !bytes.Equal(gunzip(t, member), input) {
			t.Error("unpacked bytes differ")
		}
	})
}
