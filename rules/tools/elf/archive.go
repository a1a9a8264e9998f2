package elf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrNotArchive is in the error for a file that does not begin like a static
// library.
var ErrNotArchive = errors.New("not an archive")

// Member is an ELF file in a static library.
type Member struct {
	Name string
	Info *Info
}

// An archive of ar(1): a magic string, then members, each with a header of 60
// bytes, on even offsets.
const (
	archiveMagic = "!<arch>\n"
	headerSize   = 60
	maxMembers   = 1 << 16
)

// Archive inspects the members of a static library. Members that are not ELF
// files are left out: the symbol table, the table of names, and whatever else.
func Archive(r io.ReaderAt) ([]Member, error) {
	magic := make([]byte, len(archiveMagic))
	if _, err := r.ReadAt(magic, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	if string(magic) != archiveMagic {
		return nil, ErrNotArchive
	}
	a := archive{r: r, offset: int64(len(archiveMagic))}
	for range maxMembers {
		err := a.next()
		if err == io.EOF {
			return a.members, nil
		}
		if err != nil {
			return nil, fmt.Errorf("damaged archive: at %d: %w", a.offset, err)
		}
	}
	return nil, fmt.Errorf("damaged archive: more than %d members", maxMembers)
}

type archive struct {
	r       io.ReaderAt
	offset  int64 // of the next header
	names   []byte
	members []Member
}

func (a *archive) next() error {
	var header [headerSize]byte
	n, err := a.r.ReadAt(header[:], a.offset)
	if n == 0 && err == io.EOF {
		return io.EOF
	}
	if n < headerSize {
		return errors.New("header cut short")
	}
	if string(header[58:]) != "`\n" {
		return errors.New("no header")
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
	if err != nil || size < 0 {
		return fmt.Errorf("size %q: want a number", header[48:58])
	}
	data := io.NewSectionReader(a.r, a.offset+headerSize, size)
	if err := a.member(strings.TrimRight(string(header[:16]), " "), data); err != nil {
		return err
	}
	a.offset += headerSize + size + size%2
	return nil
}

// member handles the ways of GNU and BSD to write long names: "/17" is at 17 in
// the member "//"; "#1/20" means that the first 20 bytes of data are the name.
func (a *archive) member(name string, data *io.SectionReader) error {
	switch {
	case name == "//":
		names, err := io.ReadAll(io.LimitReader(data, 1<<20))
		a.names = names
		return err
	case strings.HasPrefix(name, "#1/"):
		length, err := strconv.ParseUint(name[3:], 10, 16)
		if err != nil || int64(length) > data.Size() {
			return fmt.Errorf("name %q: bad length", name)
		}
		long := make([]byte, length)
		if _, err := data.ReadAt(long, 0); err != nil {
			return fmt.Errorf("name %q: %w", name, err)
		}
		name = string(bytes.TrimRight(long, "\x00"))
		data = io.NewSectionReader(data, int64(length), data.Size()-int64(length))
	default:
		name = a.longName(name)
	}
	info, err := Inspect(data)
	if errors.Is(err, ErrNotELF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("member %q: %w", name, err)
	}
	a.members = append(a.members, Member{Name: name, Info: info})
	return nil
}

func (a *archive) longName(name string) string {
	if at, err := strconv.ParseUint(strings.TrimPrefix(name, "/"), 10, 32); err == nil && name[0] == '/' && at < uint64(len(a.names)) {
		long, _, _ := bytes.Cut(a.names[at:], []byte("\n"))
		name = string(long)
	}
	return strings.TrimSuffix(name, "/")
}
