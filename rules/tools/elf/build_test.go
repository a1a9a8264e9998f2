package elf

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
)

// spec is a small ELF file that build makes. Its one PT_LOAD maps the whole
// file at address loadAddress.
type spec struct {
	class    elf.Class
	data     elf.Data
	machine  elf.Machine
	flags    uint32
	interp   string
	dynamic  []dynamicString // nil for no dynamic section
	textRel  bool
	dtFlags  elf.DynFlag
	dtFlags1 elf.DynFlag1
	relro    bool
	typ      elf.Type // default ET_DYN
	stack    *elf.ProgFlag
	notes    []byte
	sections []section
}

type dynamicString struct {
	tag  elf.DynTag
	text string
}

type section struct {
	name string
	typ  elf.SectionType
	data []byte
}

const loadAddress = 0x10000

var (
	power = spec{class: elf.ELFCLASS32, data: elf.ELFDATA2MSB, machine: elf.EM_PPC}
	intel = spec{class: elf.ELFCLASS64, data: elf.ELFDATA2LSB, machine: elf.EM_X86_64}
)

// segment is a program header to be.
type segment struct {
	typ       elf.ProgType
	flags     elf.ProgFlag
	off, size int
}

// build lays the file out as: ELF header, 8 program headers, contents, section
// headers.
func (s spec) build() []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if s.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	is64 := s.class == elf.ELFCLASS64
	const maxSegments = 8
	var contents bytes.Buffer
	start := 52 + maxSegments*32
	if is64 {
		start = 64 + maxSegments*56
	}
	put := func(b []byte) int {
		for contents.Len()%8 != 0 {
			contents.WriteByte(0)
		}
		at := start + contents.Len()
		contents.Write(b)
		return at
	}
	var segments []segment
	if s.interp != "" {
		b := append([]byte(s.interp), 0)
		segments = append(segments, segment{elf.PT_INTERP, elf.PF_R, put(b), len(b)})
	}
	if s.notes != nil {
		segments = append(segments, segment{elf.PT_NOTE, elf.PF_R, put(s.notes), len(s.notes)})
	}
	if s.stack != nil {
		segments = append(segments, segment{elf.PT_GNU_STACK, *s.stack, 0, 0})
	}
	if s.relro {
		segments = append(segments, segment{elf.PT_GNU_RELRO, elf.PF_R, 0, 0})
	}
	if s.dynamic != nil {
		strings := []byte{0}
		var entries []uint64
		for _, d := range s.dynamic {
			entries = append(entries, uint64(d.tag), uint64(len(strings)))
			strings = append(append(strings, d.text...), 0)
		}
		if s.textRel {
			entries = append(entries, uint64(elf.DT_TEXTREL), 0)
		}
		if s.dtFlags != 0 {
			entries = append(entries, uint64(elf.DT_FLAGS), uint64(s.dtFlags))
		}
		if s.dtFlags1 != 0 {
			entries = append(entries, uint64(elf.DT_FLAGS_1), uint64(s.dtFlags1))
		}
		at := put(strings)
		entries = append(entries, uint64(elf.DT_STRTAB), uint64(loadAddress+at), uint64(elf.DT_STRSZ), uint64(len(strings)), 0, 0)
		var b []byte
		for _, e := range entries {
			if is64 {
				b = order.(binary.AppendByteOrder).AppendUint64(b, e)
			} else {
				b = order.(binary.AppendByteOrder).AppendUint32(b, uint32(e))
			}
		}
		segments = append(segments, segment{elf.PT_DYNAMIC, elf.PF_R, put(b), len(b)})
	}
	names := []byte{0}
	var sections []elf.Section64
	for _, sec := range s.sections {
		sections = append(sections, elf.Section64{
			Name: uint32(len(names)), Type: uint32(sec.typ), Off: uint64(put(sec.data)), Size: uint64(len(sec.data)),
		})
		names = append(append(names, sec.name...), 0)
	}
	sections = append(sections, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: uint64(put(names)), Size: uint64(len(names))})
	sections = append([]elf.Section64{{}}, sections...)
	shoff := put(nil)
	segments = append([]segment{{elf.PT_LOAD, elf.PF_R, 0, shoff}}, segments...)

	var out bytes.Buffer
	ident := [16]byte{0x7f, 'E', 'L', 'F', byte(s.class), byte(s.data), 1}
	if is64 {
		binary.Write(&out, order, elf.Header64{
			Ident: ident, Type: uint16(cmp.Or(s.typ, elf.ET_DYN)), Machine: uint16(s.machine), Version: 1, Phoff: 64, Shoff: uint64(shoff),
			Flags: s.flags, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments)), Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
		})
	} else {
		binary.Write(&out, order, elf.Header32{
			Ident: ident, Type: uint16(cmp.Or(s.typ, elf.ET_DYN)), Machine: uint16(s.machine), Version: 1, Phoff: 52, Shoff: uint32(shoff),
			Flags: s.flags, Ehsize: 52, Phentsize: 32, Phnum: uint16(len(segments)), Shentsize: 40, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
		})
	}
	for _, g := range segments {
		if is64 {
			binary.Write(&out, order, elf.Prog64{Type: uint32(g.typ), Flags: uint32(g.flags), Off: uint64(g.off), Vaddr: uint64(loadAddress + g.off), Filesz: uint64(g.size), Memsz: uint64(g.size), Align: 4})
		} else {
			binary.Write(&out, order, elf.Prog32{Type: uint32(g.typ), Flags: uint32(g.flags), Off: uint32(g.off), Vaddr: uint32(loadAddress + g.off), Filesz: uint32(g.size), Memsz: uint32(g.size), Align: 4})
		}
	}
	out.Write(make([]byte, start-out.Len()))
	out.Write(contents.Bytes())
	for _, sec := range sections {
		if is64 {
			binary.Write(&out, order, sec)
		} else {
			binary.Write(&out, order, elf.Section32{Name: sec.Name, Type: sec.Type, Off: uint32(sec.Off), Size: uint32(sec.Size)})
		}
	}
	return out.Bytes()
}
