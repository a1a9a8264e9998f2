package bootcheck

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/rules/tools/uimage"
)

// Form is what the kernel does with an initrd.
type Form string

const (
	Ramdisk   Form = "ext2" // copied into /dev/ram0, which is mounted
	Initramfs Form = "cpio" // unpacked into the root file system
)

// Image is what the file of an image says of itself.
type Image struct {
	Form   Form
	Gzip   bool
	Stored int64 // bytes that the loader puts into memory
	Size   int64 // Ramdisk: bytes of the file system; Initramfs: 0, the archive does not say
}

// ReadImage looks into an initrd: ext2 or cpio (newc), as it is or in gzip, as it
// is or in a uImage.
func ReadImage(r io.ReaderAt, size int64) (Image, error) {
	data, err := unwrap(io.NewSectionReader(r, 0, size))
	if err != nil {
		return Image{}, err
	}
	image := Image{Stored: data.Size()}
	head, err := readHead(data)
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		image.Gzip = true
		head, err = unpackHead(data)
	}
	if err != nil {
		return Image{}, fmt.Errorf("read: %w", err)
	}
	switch {
	case has(head, 0, "070701"):
		image.Form = Initramfs
	case has(head, superblock+magicOffset, "\x53\xef"):
		image.Form = Ramdisk
		image.Size, err = fileSystemSize(head[superblock:])
	default:
		err = errors.New("it is neither ext2 nor cpio (newc), as it is or in gzip")
	}
	return image, err
}

// unwrap is what U-Boot hands to the kernel of a uImage; other files are that
// themselves.
func unwrap(file *io.SectionReader) (*io.SectionReader, error) {
	h, err := uimage.Parse(io.NewSectionReader(file, 0, file.Size()))
	if errors.Is(err, uimage.ErrFormat) {
		return file, nil
	}
	if err != nil {
		return nil, err
	}
	if t := h.Spec().Type.String(); t != "ramdisk" {
		return nil, fmt.Errorf("it is a uImage of type %s, want ramdisk", t)
	}
	if h.ImageSize() > file.Size() {
		return nil, fmt.Errorf("it is a uImage of %d bytes, and has only %d", h.ImageSize(), file.Size())
	}
	return io.NewSectionReader(file, uimage.HeaderSize, h.DataSize()), nil
}

// The superblock of ext2: fs/ext2/ext2.h, struct ext2_super_block. All numbers
// are little endian.
const (
	superblock      = 1024 // bytes before it
	superblockBytes = 1024
	blocksOffset    = 4  // s_blocks_count, 32 bits
	logSizeOffset   = 24 // s_log_block_size: 0 is 1 KiB
	magicOffset     = 56
)

// largestLog is that of blocks of 64 KiB.
const largestLog = 6

func fileSystemSize(super []byte) (int64, error) {
	log := binary.LittleEndian.Uint32(super[logSizeOffset:])
	if log > largestLog {
		return 0, fmt.Errorf("its ext2 superblock is damaged: the logarithm of the block size is %d", log)
	}
	return int64(binary.LittleEndian.Uint32(super[blocksOffset:])) << (10 + log), nil
}

// readHead reads as much as it takes to know what r is.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, superblock+superblockBytes)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

func unpackHead(data *io.SectionReader) ([]byte, error) {
	z, err := gzip.NewReader(io.NewSectionReader(data, 0, data.Size()))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return readHead(z)
}
