package uimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// partAlign is the alignment in bytes of all parts but the first in an image
// with several; the last one is not padded.
const partAlign = 4

// layout is the data of an image as they follow the header.
type layout struct {
	table []byte // nil for types without parts
	parts []*io.SectionReader
	size  int64 // of table, parts and padding; at most maxSize
}

// newLayout follows the comment on "Multi-File Images" in include/image.h: the
// sizes of the parts as big endian numbers of 32 bits, ended by 0, then the
// parts.
func newLayout(t Type, parts []*io.SectionReader) (layout, error) {
	if len(parts) == 0 || !t.hasParts() && len(parts) > 1 {
		return layout{}, fmt.Errorf("image of type %s: got %d files, want %s", t, len(parts), wantParts(t))
	}
	l := layout{parts: parts, size: dataSize(t, parts)}
	if l.size > maxSize {
		return layout{}, &SizeError{What: "data", Limit: maxSize, Size: l.size}
	}
	if !t.hasParts() {
		return l, nil
	}
	for i, part := range parts {
		if part.Size() == 0 {
			return layout{}, fmt.Errorf("image of type %s: file %d of %d is empty, and a size of 0 ends the table", t, i+1, len(parts))
		}
		l.table = binary.BigEndian.AppendUint32(l.table, uint32(part.Size()))
	}
	l.table = binary.BigEndian.AppendUint32(l.table, 0)
	return l, nil
}

// dataSize is the number of bytes of table, parts and padding, or the largest
// number there is if that is less.
func dataSize(t Type, parts []*io.SectionReader) int64 {
	size := int64(0)
	if t.hasParts() {
		size = 4 * int64(len(parts)+1)
	}
	for _, part := range parts {
		size += padding(size)
		if part.Size() > math.MaxInt64-partAlign-size {
			return math.MaxInt64
		}
		size += part.Size()
	}
	return size
}

func wantParts(t Type) string {
	if t.hasParts() {
		return "at least one"
	}
	return "one"
}

// padding is the number of zeros after a part of n bytes.
func padding(n int64) int64 { return -n & (partAlign - 1) }

func (l layout) writeTo(w io.Writer) error {
	if _, err := w.Write(l.table); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for i, part := range l.parts {
		if err := copyPart(w, part); err != nil {
			return fmt.Errorf("file %d of %d: %w", i+1, len(l.parts), err)
		}
		if i == len(l.parts)-1 {
			break
		}
		if _, err := w.Write(make([]byte, padding(part.Size()))); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// copyPart copies all of part, from its beginning wherever it stands, and
// reports one that is shorter than it says.
func copyPart(w io.Writer, part *io.SectionReader) error {
	n, err := io.Copy(w, io.NewSectionReader(part, 0, part.Size()))
	if err != nil {
		return err
	}
	if n != part.Size() {
		return fmt.Errorf("got %d bytes, want %d", n, part.Size())
	}
	return nil
}

// Parts finds the files in an image of which h is the header. Image types
// other than multi and script have one, all of the data.
func (h Header) Parts(image io.ReaderAt) ([]*io.SectionReader, error) {
	data := io.NewSectionReader(image, HeaderSize, h.DataSize())
	if !h.spec.Type.hasParts() {
		return []*io.SectionReader{data}, nil
	}
	sizes, err := readTable(data)
	if err != nil {
		return nil, fmt.Errorf("uimage: table of files: %w", err)
	}
	offset := int64(4 * (len(sizes) + 1))
	var parts []*io.SectionReader
	for i, size := range sizes {
		if offset+int64(size) > data.Size() {
			return nil, fmt.Errorf("uimage: file %d of %d: %d bytes at %d are more than the %d bytes of data",
				i+1, len(sizes), size, offset, data.Size())
		}
		parts = append(parts, io.NewSectionReader(data, offset, int64(size)))
		offset += int64(size) + padding(int64(size))
	}
	return parts, nil
}

// maxParts bounds what a damaged table may cost. U-Boot itself looks at three.
const maxParts = 4096

func readTable(data *io.SectionReader) ([]uint32, error) {
	table, err := io.ReadAll(io.LimitReader(data, 4*(maxParts+1)))
	if err != nil {
		return nil, err
	}
	var sizes []uint32
	for ; len(table) >= 4; table = table[4:] {
		if bytes.Equal(table[:4], make([]byte, 4)) {
			return sizes, nil
		}
		sizes = append(sizes, binary.BigEndian.Uint32(table))
	}
	return nil, fmt.Errorf("no end after %d files", len(sizes))
}
