package uimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
)

// HeaderSize is the number of bytes before the data.
const HeaderSize = 64

const (
	magic      = 0x27051956 // IH_MAGIC
	nameSize   = 32         // IH_NMLEN
	maxSize    = math.MaxUint32
	headerCRC  = 4  // offset of ih_hcrc
	nameOffset = 32 // offset of ih_name
)

// Spec is what one decides about an image.
type Spec struct {
	Type        Type
	Arch        Arch
	OS          OS
	Compression Compression // of the data; nothing here compresses or checks it
	Load        uint32      // address to which U-Boot copies or unpacks the data
	Entry       uint32      // address at which a kernel starts; mkimage's default is Load
	Name        string      // for people; up to 32 bytes, no control characters
	Time        int64       // of creation, in seconds since 1970; 0 to 2^32-1
}

// Header is a Spec with the size and the checksum of the data. NewHeader,
// Parse and Verify make it; all that is in it is valid.
type Header struct {
	spec    Spec
	size    uint32 // of the data: part table and parts
	dataCRC uint32
}

// NewHeader reads the parts to their end for their checksum. Images of type
// multi and script have one or more parts, all others have one.
//
// A part is read twice, here and by Write; its bytes must stay the same.
func NewHeader(spec Spec, parts ...*io.SectionReader) (Header, error) {
	if err := spec.check(); err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	layout, err := newLayout(spec.Type, parts)
	if err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	crc := crc32.NewIEEE()
	if err := layout.writeTo(crc); err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	return Header{spec: spec, size: uint32(layout.size), dataCRC: crc.Sum32()}, nil
}

// Write writes a whole image: the header of spec and parts, then the parts.
func Write(w io.Writer, spec Spec, parts ...*io.SectionReader) (Header, error) {
	h, err := NewHeader(spec, parts...)
	if err != nil {
		return Header{}, err
	}
	layout, err := newLayout(spec.Type, parts)
	if err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	if _, err := w.Write(h.Bytes()); err != nil {
		return Header{}, fmt.Errorf("uimage: write: %w", err)
	}
	crc := crc32.NewIEEE()
	if err := layout.writeTo(io.MultiWriter(w, crc)); err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	if crc.Sum32() != h.dataCRC {
		return Header{}, errors.New("uimage: the data changed while they were written")
	}
	return h, nil
}

// Spec is what was decided about the image.
func (h Header) Spec() Spec { return h.spec }

// DataSize is the number of bytes after the header.
func (h Header) DataSize() int64 { return int64(h.size) }

// ImageSize is the number of bytes of the whole image.
func (h Header) ImageSize() int64 { return HeaderSize + int64(h.size) }

// DataCRC is the CRC-32 (IEEE) of the data.
func (h Header) DataCRC() uint32 { return h.dataCRC }

// Bytes encodes h: HeaderSize bytes, all numbers big endian.
func (h Header) Bytes() []byte {
	b := make([]byte, 0, HeaderSize)
	b = binary.BigEndian.AppendUint32(b, magic)
	b = binary.BigEndian.AppendUint32(b, 0) // headerCRC, below
	b = binary.BigEndian.AppendUint32(b, uint32(h.spec.Time))
	b = binary.BigEndian.AppendUint32(b, h.size)
	b = binary.BigEndian.AppendUint32(b, h.spec.Load)
	b = binary.BigEndian.AppendUint32(b, h.spec.Entry)
	b = binary.BigEndian.AppendUint32(b, h.dataCRC)
	b = append(b, byte(h.spec.OS), byte(h.spec.Arch), byte(h.spec.Type), byte(h.spec.Compression))
	b = append(b, h.spec.Name...)
	b = append(b, make([]byte, HeaderSize-len(b))...)
	// The header's own checksum is that of the header with 0 in its place.
	binary.BigEndian.PutUint32(b[headerCRC:], crc32.ChecksumIEEE(b))
	return b
}

// Parse reads and checks the header of an image; the data stay in r. ErrFormat
// tells that it is not a legacy image at all.
func Parse(r io.Reader) (Header, error) {
	var b [HeaderSize]byte
	if n, err := io.ReadFull(r, b[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return Header{}, fmt.Errorf("%w: got %d bytes, the header alone has %d", ErrFormat, n, HeaderSize)
	} else if err != nil {
		return Header{}, fmt.Errorf("uimage: read: %w", err)
	}
	return parseHeader(b)
}

// ErrFormat is in the error for bytes that are not a legacy image.
var ErrFormat = errors.New("not a U-Boot legacy image")

func parseHeader(b [HeaderSize]byte) (Header, error) {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	if word(0) != magic {
		return Header{}, fmt.Errorf("%w: begins with %08x, want %08x", ErrFormat, word(0), uint32(magic))
	}
	zeroed := b
	clear(zeroed[headerCRC : headerCRC+4])
	if got := crc32.ChecksumIEEE(zeroed[:]); got != word(1) {
		return Header{}, fmt.Errorf("uimage: header damaged: its CRC-32 is %08x, it says %08x", got, word(1))
	}
	name, _, _ := bytes.Cut(b[nameOffset:], []byte{0})
	spec := Spec{
		Time: int64(word(2)), Load: word(4), Entry: word(5),
		OS: OS(b[28]), Arch: Arch(b[29]), Type: Type(b[30]), Compression: Compression(b[31]),
		Name: string(name),
	}
	if err := spec.check(); err != nil {
		return Header{}, fmt.Errorf("uimage: %w", err)
	}
	return Header{spec: spec, size: word(3), dataCRC: word(6)}, nil
}

// Verify reads a whole image and checks that the data are what the header
// says, neither more nor less.
func Verify(r io.Reader) (Header, error) {
	h, err := Parse(r)
	if err != nil {
		return Header{}, err
	}
	crc := crc32.NewIEEE()
	n, err := io.Copy(crc, io.LimitReader(r, h.DataSize()+1))
	if err != nil {
		return Header{}, fmt.Errorf("uimage: read: %w", err)
	}
	if n > h.DataSize() {
		return Header{}, fmt.Errorf("uimage: there are bytes after the %d of data that the header tells", h.size)
	}
	if n < h.DataSize() {
		return Header{}, fmt.Errorf("uimage: got %d bytes of data, the header tells %d", n, h.size)
	}
	if crc.Sum32() != h.dataCRC {
		return Header{}, fmt.Errorf("uimage: data damaged: their CRC-32 is %08x, the header says %08x", crc.Sum32(), h.dataCRC)
	}
	return h, nil
}

func (s Spec) check() error {
	if s.Time < 0 || s.Time > math.MaxUint32 {
		return fmt.Errorf("time %d: want 0 to %d seconds since 1970", s.Time, uint32(math.MaxUint32))
	}
	if len(s.Name) > nameSize {
		return fmt.Errorf("name %q: got %d bytes, want at most %d", s.Name, len(s.Name), nameSize)
	}
	if strings.ContainsFunc(s.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("name %q: contains a control character", s.Name)
	}
	return errors.Join(
		types.check(uint8(s.Type)),
		archs.check(uint8(s.Arch)),
		systems.check(uint8(s.OS)),
		compressions.check(uint8(s.Compression)),
	)
}
