package elf

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
)

// maxDynamic bounds the dynamic section: 64 K entries of 16 bytes.
const maxDynamic = 1 << 20

// readDynamic reads the dynamic section as the loader does: entries from
// PT_DYNAMIC, strings from the address in DT_STRTAB, which a PT_LOAD maps.
func (info *Info) readDynamic(file *elf.File) error {
	for _, p := range file.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		if p.Filesz == 0 { // what is left of it in a file of debug information
			continue
		}
		info.Dynamic = true
		if err := info.readEntries(file, p); err != nil {
			return fmt.Errorf("dynamic section: %w", err)
		}
	}
	return nil
}

func (info *Info) readEntries(file *elf.File, dynamic *elf.Prog) error {
	entries, err := dynamicEntries(file, dynamic)
	if err != nil {
		return err
	}
	strings := stringTable{file: file}
	for _, e := range entries {
		switch e.tag {
		case elf.DT_STRTAB:
			strings.address = e.value
		case elf.DT_STRSZ:
			strings.size = e.value
		}
	}
	for _, e := range entries {
		if err := info.readEntry(e, &strings); err != nil {
			return fmt.Errorf("%s: %w", e.tag, err)
		}
	}
	return nil
}

func (info *Info) readEntry(e dynamicEntry, strings *stringTable) error {
	switch e.tag {
	case elf.DT_NEEDED:
		name, err := strings.get(e.value)
		info.Needed = append(info.Needed, name)
		return err
	case elf.DT_SONAME:
		name, err := strings.get(e.value)
		info.SOName = name
		return err
	case elf.DT_RPATH:
		list, err := strings.get(e.value)
		info.RPath = directories(list)
		return err
	case elf.DT_RUNPATH:
		list, err := strings.get(e.value)
		info.RunPath = directories(list)
		return err
	case elf.DT_TEXTREL:
		info.TextRel = true
	case elf.DT_BIND_NOW:
		info.BindNow = true
	case elf.DT_FLAGS:
		info.TextRel = info.TextRel || elf.DynFlag(e.value)&elf.DF_TEXTREL != 0
		info.BindNow = info.BindNow || elf.DynFlag(e.value)&elf.DF_BIND_NOW != 0
	case elf.DT_FLAGS_1:
		info.BindNow = info.BindNow || elf.DynFlag1(e.value)&elf.DF_1_NOW != 0
		info.PIE = elf.DynFlag1(e.value)&elf.DF_1_PIE != 0
	}
	return nil
}

type dynamicEntry struct {
	tag   elf.DynTag
	value uint64
}

// dynamicEntries reads up to DT_NULL.
func dynamicEntries(file *elf.File, dynamic *elf.Prog) ([]dynamicEntry, error) {
	b := make([]byte, min(dynamic.Filesz, maxDynamic))
	if _, err := dynamic.ReadAt(b, 0); err != nil {
		return nil, err
	}
	word := 4
	if file.Class == elf.ELFCLASS64 {
		word = 8
	}
	number := func(b []byte) uint64 {
		if word == 8 {
			return file.ByteOrder.Uint64(b)
		}
		return uint64(file.ByteOrder.Uint32(b))
	}
	var entries []dynamicEntry
	for ; len(b) >= 2*word; b = b[2*word:] {
		e := dynamicEntry{elf.DynTag(number(b)), number(b[word:])}
		if e.tag == elf.DT_NULL {
			return entries, nil
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// stringTable finds strings by their offset in DT_STRTAB.
type stringTable struct {
	file    *elf.File
	address uint64 // in memory
	size    uint64
}

func (t *stringTable) get(offset uint64) (string, error) {
	if offset >= t.size {
		return "", fmt.Errorf("string at %d: the table has %d bytes", offset, t.size)
	}
	for _, p := range t.file.Progs {
		at := t.address + offset - p.Vaddr // modulo 2^64; huge if before p
		if p.Type != elf.PT_LOAD || at >= p.Filesz {
			continue
		}
		return readString(p, at, min(t.size-offset, p.Filesz-at))
	}
	return "", errors.New("the string table is in no segment")
}

// readString reads up to a NUL in less than size bytes.
func readString(r io.ReaderAt, at, size uint64) (string, error) {
	b := make([]byte, 0, 256)
	for uint64(len(b)) < min(size, maxString) {
		n := min(size-uint64(len(b)), uint64(cap(b)-len(b)), 256)
		read, err := r.ReadAt(b[len(b):][:n], int64(at)+int64(len(b)))
		fresh := b[len(b):][:read]
		if end := bytes.IndexByte(fresh, 0); end >= 0 {
			return string(b[:len(b)+end]), nil
		}
		if err != nil {
			return "", fmt.Errorf("string: %w", err)
		}
		b = append(b[:len(b)+read], make([]byte, 256)...)[:len(b)+read]
	}
	return "", errors.New("a string has no end")
}
