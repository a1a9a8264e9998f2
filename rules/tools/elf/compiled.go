package elf

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// Compiled is what compilers left about themselves in an object file, or in all
// the object files that a program was linked from.
type Compiled struct {
	// ByGCC says that one of them was gcc: it leaves its name in .comment, in
	// what it compiles but not in what it merely assembles.
	ByGCC bool

	// Recorded are the calls of gcc -frecord-gcc-switches: of what language and
	// by which version something was compiled, and with which flags, such as
	// "GNU C17 12.2.0 -mcpu=440fp -Os". The linker keeps one of equal ones. Nil
	// if there is no section for them.
	Recorded []string
}

// recordedSection is where -frecord-gcc-switches puts the flags: strings that end
// in NUL (gcc/varasm.cc, elf_record_gcc_switches). gcc 11 and newer write one for
// each object, in the form of DW_AT_producer: without -D, -I and other flags that
// make no difference to an object that is there (gcc/opts.cc,
// gen_command_line_string).
const recordedSection = ".GCC.command.line"

// maxCompiled bounds a section: 20,000 different calls.
const maxCompiled = 4 << 20

func compiled(file *elf.File) (Compiled, error) {
	comment, err := sectionData(file, ".comment")
	if err != nil {
		return Compiled{}, err
	}
	c := Compiled{ByGCC: bytes.Contains(comment, []byte("GCC: "))}
	recorded, err := sectionData(file, recordedSection)
	if err != nil || recorded == nil {
		return c, err
	}
	c.Recorded = []string{}
	for _, call := range bytes.Split(recorded, []byte{0}) {
		if len(call) > 0 {
			c.Recorded = append(c.Recorded, string(call))
		}
	}
	return c, nil
}

// sectionData is what is in a section; nil if there is none, or if it is only the
// place of one, as in a file of debug information.
func sectionData(file *elf.File, name string) ([]byte, error) {
	s := file.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	if s.FileSize > maxCompiled || s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil, fmt.Errorf("section %s: want at most %d bytes, not compressed", name, maxCompiled)
	}
	b := make([]byte, s.FileSize)
	if _, err := s.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("section %s: %w", name, err)
	}
	return b, nil
}
