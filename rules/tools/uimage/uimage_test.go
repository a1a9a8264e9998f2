package uimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func section(data string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(data), 0, int64(len(data)))
}

var ramdisk = Spec{Type: 3, Arch: 7, OS: 5, Compression: 1, Name: "khvmm", Time: 1_000_000_000}

func write(t testing.TB, spec Spec, parts ...*io.SectionReader) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(&b, spec, parts...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// U-Boot reads these offsets; a moved field boots nothing.
func TestHeaderBytes(t *testing.T) {
	spec := ramdisk
	spec.Load, spec.Entry = 0x01020304, 0x05060708
	image := write(t, spec, section("data"))
	want := []byte{
		0x27, 0x05, 0x19, 0x56, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0x00, 0, 0, 0, 4,
		1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 5, 7, 3, 1,
		'k', 'h', 'v', 'm', 'm', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		'd', 'a', 't', 'a',
	}
	binary.BigEndian.PutUint32(want[24:], crc32.ChecksumIEEE([]byte("data")))
	binary.BigEndian.PutUint32(want[4:], crc32.ChecksumIEEE(want[:HeaderSize]))
	if !bytes.Equal(image, want) {
		t.Errorf("got  %x\nwant %x", image, want)
	}
}

func TestParseReturnsWhatWasWritten(t *testing.T) {
	spec := Spec{
		Type: TypeMulti, Arch: 22, OS: 17, Compression: 6, Load: 1, Entry: math.MaxUint32,
		Name: strings.Repeat("n", 32), Time: math.MaxUint32,
	}
	image := write(t, spec, section("12345"), section("6"), section("789"))
	h, err := Verify(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if h.Spec() != spec {
		t.Errorf("got %+v, want %+v", h.Spec(), spec)
	}
	if h.ImageSize() != int64(len(image)) {
		t.Errorf("size: got %d, want %d", h.ImageSize(), len(image))
	}
	parts, err := h.Parts(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, part := range parts {
		data, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(data))
	}
	if diff := cmp.Diff([]string{"12345", "6", "789"}, got); diff != "" {
		t.Error(diff)
	}
}

// A section reader that somebody has read from is written from its beginning.
func TestWriteFromTheBeginning(t *testing.T) {
	part := section("data")
	part.Seek(3, io.SeekStart)
	if image := write(t, ramdisk, part); !bytes.HasSuffix(image, []byte("data")) {
		t.Errorf("got %q", image[HeaderSize:])
	}
}

// Every bit of an image is covered by a check; U-Boot would refuse it, so we
// must before it travels to the machine.
func TestVerifyFindsEveryDamage(t *testing.T) {
	image := write(t, ramdisk, section("some data"))
	for i := range image {
		for bit := range 8 {
			damaged := bytes.Clone(image)
			damaged[i] ^= 1 << bit
			if _, err := Verify(bytes.NewReader(damaged)); err == nil {
				t.Errorf("bit %d of byte %d: damage not found", bit, i)
			}
		}
	}
	for n := range image {
		if _, err := Verify(bytes.NewReader(image[:n])); err == nil {
			t.Errorf("cut to %d bytes: not found", n)
		}
	}
	if _, err := Verify(bytes.NewReader(append(image, 0))); err == nil {
		t.Error("a byte too many: not found")
	}
}

func TestParseTellsOtherFormats(t *testing.T) {
	for _, b := range []string{"", "short", strings.Repeat("\x7fELF", 16)} {
		if _, err := Parse(strings.NewReader(b)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: got %v, want %v", b, err, ErrFormat)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	tests := []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Name = strings.Repeat("x", 33) }, "got 33 bytes, want at most 32"},
		{func(s *Spec) { s.Name = "a\nb" }, "control character"},
		{func(s *Spec) { s.Name = "a\x00b" }, "control character"},
		{func(s *Spec) { s.Time = -1 }, "time -1"},
		{func(s *Spec) { s.Time = 1 << 32 }, "time 4294967296"},
		{func(s *Spec) { s.Type = 0 }, "image type 0"},
		{func(s *Spec) { s.Type = 9 }, "image type 9"}, // kwbimage, not this header
		{func(s *Spec) { s.Arch = 27 }, "architecture 27"},
		{func(s *Spec) { s.OS = 255 }, "operating system 255"},
		{func(s *Spec) { s.Compression = 7 }, "compression 7"},
	}
	for _, test := range tests {
		spec := ramdisk
		test.change(&spec)
		var b bytes.Buffer
		_, err := Write(&b, spec, section("data"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
		if b.Len() > 0 {
			t.Errorf("%q: %d bytes were written all the same", test.want, b.Len())
		}
	}
}

func TestPartErrors(t *testing.T) {
	multi, script := ramdisk, ramdisk
	multi.Type, script.Type = TypeMulti, TypeScript
	tests := []struct {
		spec  Spec
		parts []*io.SectionReader
		want  string
	}{
		{ramdisk, nil, "got 0 files, want one"},
		{ramdisk, []*io.SectionReader{section("a"), section("b")}, "got 2 files, want one"},
		{script, nil, "got 0 files, want at least one"},
		{multi, []*io.SectionReader{section("a"), section("")}, "file 2 of 2 is empty"},
		{multi, []*io.SectionReader{section("a"), io.NewSectionReader(strings.NewReader("b"), 0, 5)}, "file 2 of 2: got 1 bytes, want 5"},
	}
	for _, test := range tests {
		_, err := NewHeader(test.spec, test.parts...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// The size field has 32 bits: a larger image would be cut without a word.
func TestLargerThan4GiB(t *testing.T) {
	multi := ramdisk
	multi.Type = TypeMulti
	nothing := strings.NewReader("")
	of := func(n int64) *io.SectionReader { return io.NewSectionReader(nothing, 0, n) }
	tests := []struct {
		spec  Spec
		parts []*io.SectionReader
		over  int64
	}{
		{ramdisk, []*io.SectionReader{of(1 << 32)}, 1},
		{ramdisk, []*io.SectionReader{of(1<<32 + 99)}, 100},
		{multi, []*io.SectionReader{of(1<<32 - 12), of(1)}, 2},
		{multi, []*io.SectionReader{of(1<<32 - 12)}, -1}, // fits, but is not there
		{multi, []*io.SectionReader{of(math.MaxInt64), of(math.MaxInt64)}, math.MaxInt64 - math.MaxUint32},
	}
	for _, test := range tests {
		_, err := NewHeader(test.spec, test.parts...)
		var tooLarge *SizeError
		if fits := !errors.As(err, &tooLarge); fits != (test.over < 0) {
			t.Errorf("over %d: got %v", test.over, err)
		} else if !fits && tooLarge.Over() != test.over {
			t.Errorf("got %d bytes over, want %d", tooLarge.Over(), test.over)
		}
	}
}

// The error of a ramdisk over its budget says how much has to go.
func TestCheckSize(t *testing.T) {
	h, err := NewHeader(ramdisk, section(strings.Repeat("x", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{0, 1064, 1 << 40} {
		if err := h.CheckSize(limit); err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	const want = "image too large: got 1064 bytes, want at most 1000: 64 bytes over the limit"
	if err := h.CheckSize(1000); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// fickle gives other bytes each time it is read.
type fickle struct{ n byte }

func (f *fickle) ReadAt(p []byte, off int64) (int, error) {
	f.n++
	for i := range p {
		p[i] = f.n
	}
	return len(p), nil
}

func TestDataThatChange(t *testing.T) {
	_, err := Write(io.Discard, ramdisk, io.NewSectionReader(&fickle{}, 0, 10))
	if err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

// What a name's parser accepts is what its list shows and String prints.
func TestNames(t *testing.T) {
	for _, name := range Archs() {
		if a, err := ParseArch(name); err != nil || a.String() != name {
			t.Errorf("architecture %q: got %v, %v", name, a, err)
		}
	}
	for _, name := range OSes() {
		if o, err := ParseOS(name); err != nil || o.String() != name {
			t.Errorf("operating system %q: got %v, %v", name, o, err)
		}
	}
	for _, name := range Types() {
		if typ, err := ParseType(name); err != nil || typ.String() != name {
			t.Errorf("type %q: got %v, %v", name, typ, err)
		}
	}
	for _, name := range Compressions() {
		if c, err := ParseCompression(name); err != nil || c.String() != name {
			t.Errorf("compression %q: got %v, %v", name, c, err)
		}
	}
	if a, err := ParseArch("powerpc"); err != nil || a.String() != "ppc" {
		t.Errorf("powerpc: got %v, %v", a, err)
	}
	for _, bad := range []string{"", "PPC", "initrd"} {
		if _, err := ParseType(bad); err == nil {
			t.Errorf("type %q: no error", bad)
		}
	}
}

// An image comes from anywhere: reading it must neither panic nor take more
// memory than it has bytes, and what is accepted can be written again.
func FuzzParse(f *testing.F) {
	multi := ramdisk
	multi.Type = TypeMulti
	f.Add(write(f, ramdisk, section("data")))
	f.Add(write(f, multi, section("one"), section("two")))
	f.Add([]byte("\x27\x05\x19\x56"))
	f.Fuzz(func(t *testing.T, image []byte) {
		if len(image) >= HeaderSize { // let it through the first checks
			binary.BigEndian.PutUint32(image, magic)
			clear(image[4:8])
			binary.BigEndian.PutUint32(image[4:], crc32.ChecksumIEEE(image[:HeaderSize]))
		}
		h, err := Parse(bytes.NewReader(image))
		if err != nil {
			return
		}
		again, err := Parse(bytes.NewReader(h.Bytes()))
		if err != nil || again != h {
			t.Errorf("got %+v, %v, want %+v", again, err, h)
		}
		parts, err := h.Parts(bytes.NewReader(image))
		if err != nil {
			return
		}
		for _, part := range parts {
			io.Copy(io.Discard, part)
		}
	})
}
