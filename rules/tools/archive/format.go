package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// Format is what the first bytes of a file say that it is.
type Format string

const (
	Tar     Format = "tar"
	Zip     Format = "zip"
	Gzip    Format = "gzip"
	Bzip2   Format = "bzip2"
	XZ      Format = "xz"
	Zstd    Format = "zstd"
	Unknown Format = ""
)

// magicSize is how many bytes tell all formats apart: one block of tar.
const magicSize = 512

// maxWindow is the largest dictionary in bytes that a decompressor makes room
// for: what xz -9 and zstd --ultra need, with one doubling to spare.
const maxWindow = 128 << 20

// magics are the first bytes of formats; the ones without a Format are known,
// but not supported.
var magics = []struct {
	bytes  string
	format Format
	name   string
}{
	{"\x1f\x8b", Gzip, ""},         // RFC 1952, 2.3.1
	{"BZh", Bzip2, ""},             // bzip2's compress.c
	{"\xfd7zXZ\x00", XZ, ""},       // xz-file-format.txt, 2.1.1.1
	{"\x28\xb5\x2f\xfd", Zstd, ""}, // RFC 8878, 3.1.1
	{"PK\x03\x04", Zip, ""},        // APPNOTE.TXT, 4.3.7
	{"PK\x05\x06", Zip, ""},        // APPNOTE.TXT, 4.3.16: an empty archive
	{"LZIP", Unknown, "lzip"},      //
	{"\x1f\x9d", Unknown, "compress (.Z)"},
	{"7z\xbc\xaf\x27\x1c", Unknown, "7-Zip"},
	{"Rar!", Unknown, "RAR"},
	{"!<arch>\n", Unknown, "ar"},
	{"\x5d\x00\x00", Unknown, "LZMA"},
	{"\xed\xab\xee\xdb", Unknown, "RPM"},
	{"<!DOCTYPE", Unknown, "a web page"},
	{"<html", Unknown, "a web page"},
}

// Detect names the format of a file that begins with head; 512 bytes are enough
// to tell. It returns Unknown for anything that is not supported.
func Detect(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return m.format
		}
	}
	if isTar(head) {
		return Tar
	}
	return Unknown
}

// isTar verifies the checksum of a tar header: the only mark that all versions
// of the format have. An archive may also be nothing but its end, zeros.
func isTar(head []byte) bool {
	if len(head) < magicSize {
		return false
	}
	var unsigned, signed int64
	for i, b := range head[:magicSize] {
		if i >= 148 && i < 156 { // the checksum itself counts as blanks
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	sum, err := octal(head[148:156])
	if err != nil {
		return bytes.Count(head[:magicSize], []byte{0}) == magicSize
	}
	return sum == unsigned || sum == signed
}

func octal(field []byte) (n int64, err error) {
	_, err = fmt.Sscanf(string(bytes.Trim(field, " \x00")), "%o", &n)
	return n, err
}

// unsupported is the error for a file that Unpack cannot read.
func unsupported(head []byte) error {
	for _, m := range magics {
		if m.name != "" && bytes.HasPrefix(head, []byte(m.bytes)) {
			return fmt.Errorf("the file is %s; want tar (also as gzip, bzip2, xz or zstd) or zip", m.name)
		}
	}
	return fmt.Errorf("the file begins with %q; want tar (also as gzip, bzip2, xz or zstd) or zip", head[:min(len(head), 8)])
}

// Decompress undoes the compression that the first bytes of r show; bytes that
// are not compressed come out as they are. The caller closes what it gets, which
// does not close r.
func Decompress(r io.Reader) (io.ReadCloser, Format, error) {
	head := bufio.NewReaderSize(r, 64<<10)
	magic, err := head.Peek(magicSize)
	if err != nil && err != io.EOF {
		return nil, Unknown, err
	}
	format := Detect(magic)
	d, err := decompressor(format, head)
	if err != nil {
		return nil, format, fmt.Errorf("%s: %w", format, err)
	}
	return d, format, nil
}

func decompressor(f Format, r io.Reader) (io.ReadCloser, error) {
	switch f {
	case Gzip:
		return gzip.NewReader(r)
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	case XZ:
		z, err := xz.NewReader(r, maxWindow)
		return io.NopCloser(z), err
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}
