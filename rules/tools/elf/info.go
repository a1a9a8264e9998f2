package elf

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrNotELF is in the error for a file that does not begin like an ELF file.
var ErrNotELF = errors.New("not an ELF file")

// Stack says whether a file asks for a stack that code can run on.
type Stack int

// An executable whose stack is Unspecified gets what its kernel deems right for
// old programs, on many machines an executable one.
const (
	StackUnspecified Stack = iota // no PT_GNU_STACK
	StackNoExec
	StackExec
)

// Info is what an ELF file says about itself.
type Info struct {
	Class   elf.Class // 32 or 64 bits
	Data    elf.Data  // byte order
	Machine elf.Machine
	Type    elf.Type // executable, shared object, relocatable, …
	Flags   uint32   // e_flags, whose meaning depends on Machine

	DebugOnly   bool     // what objcopy --only-keep-debug leaves: no code, no dynamic section
	Dynamic     bool     // has a dynamic section
	Interpreter string   // PT_INTERP; "" for none
	SOName      string   // DT_SONAME; "" for none
	Needed      []string // DT_NEEDED, in order
	RPath       []string // directories of DT_RPATH, in order
	RunPath     []string // directories of DT_RUNPATH, in order
	TextRel     bool     // DT_TEXTREL: relocations in read-only segments
	Relro       bool     // PT_GNU_RELRO: what the loader has relocated becomes read-only
	BindNow     bool     // the loader looks up all functions first, so that Relro covers their addresses
	PIE         bool     // DF_1_PIE: a program for any address

	BuildID   []byte // NT_GNU_BUILD_ID; nil for none
	DebugInfo bool   // has a .debug_info section
	Symbols   bool   // has a symbol table that strip would remove
	Stack     Stack  // of relocatable files: always StackUnspecified
	FloatABI  FloatABI
	Compiled  Compiled
}

// Inspect reads what r says about itself. Executables, shared objects, object
// files, kernel modules and core files are ELF files; for static libraries see
// Archive.
func Inspect(r io.ReaderAt) (*Info, error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	if string(magic[:]) != elf.ELFMAG {
		return nil, ErrNotELF
	}
	file, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	flags, err := readFlags(r, file)
	if err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	info := &Info{
		Class:     file.Class,
		Data:      file.Data,
		Machine:   file.Machine,
		Type:      file.Type,
		Flags:     flags,
		BuildID:   buildID(file),
		DebugInfo: file.Section(".debug_info") != nil || file.Section(".zdebug_info") != nil,
		Symbols:   file.SectionByType(elf.SHT_SYMTAB) != nil,
		Stack:     stack(file),
	}
	info.FloatABI = floatABI(file, flags)
	if info.Compiled, err = compiled(file); err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	if info.DebugOnly = isDebugOnly(file); info.DebugOnly {
		return info, nil // its segments are those of the file it was made from
	}
	info.Relro = hasSegment(file, elf.PT_GNU_RELRO)
	if err := info.readInterpreter(file); err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	if err := info.readDynamic(file); err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	return info, nil
}

// readFlags reads e_flags, which debug/elf skips. It is behind e_shoff.
func readFlags(r io.ReaderAt, file *elf.File) (uint32, error) {
	offset := int64(0x24)
	if file.Class == elf.ELFCLASS64 {
		offset = 0x30
	}
	var b [4]byte
	if _, err := r.ReadAt(b[:], offset); err != nil {
		return 0, fmt.Errorf("flags: %w", err)
	}
	return file.ByteOrder.Uint32(b[:]), nil
}

func isDebugOnly(file *elf.File) bool {
	return slices.ContainsFunc(file.Sections, func(s *elf.Section) bool {
		return s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_EXECINSTR != 0
	})
}

func hasSegment(file *elf.File, t elf.ProgType) bool {
	return slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == t })
}

func stack(file *elf.File) Stack {
	for _, p := range file.Progs {
		if p.Type != elf.PT_GNU_STACK {
			continue
		}
		if p.Flags&elf.PF_X != 0 {
			return StackExec
		}
		return StackNoExec
	}
	return StackUnspecified
}

// maxString bounds names and lists of directories in a file. It is PATH_MAX,
// several times.
const maxString = 16 << 10

func (info *Info) readInterpreter(file *elf.File) error {
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, min(p.Filesz, maxString))
		if _, err := p.ReadAt(b, 0); err != nil {
			return fmt.Errorf("interpreter: %w", err)
		}
		name, _, ended := bytes.Cut(b, []byte{0})
		if !ended {
			return errors.New("interpreter: its name has no end")
		}
		info.Interpreter = string(name)
	}
	return nil
}

// Notes are small; a core file has large ones, which nobody asks for here.
const maxNotes = 64 << 10

// buildID looks through all notes; damaged ones count as none.
func buildID(file *elf.File) []byte {
	for _, p := range file.Progs {
		if p.Type == elf.PT_NOTE {
			if id := findBuildID(file, p, p.Filesz, p.Align); id != nil {
				return id
			}
		}
	}
	for _, s := range file.Sections { // relocatable files have no segments
		if s.Type == elf.SHT_NOTE && s.Flags&elf.SHF_COMPRESSED == 0 {
			if id := findBuildID(file, s, s.FileSize, s.Addralign); id != nil {
				return id
			}
		}
	}
	return nil
}

func findBuildID(file *elf.File, r io.ReaderAt, size, align uint64) []byte {
	const noteGNUBuildID = 3
	b := make([]byte, min(size, maxNotes))
	n, _ := r.ReadAt(b, 0) // as much as there is
	b = b[:n]
	if align != 8 {
		align = 4
	}
	for len(b) >= 12 {
		nameSize := uint64(file.ByteOrder.Uint32(b))
		descSize := uint64(file.ByteOrder.Uint32(b[4:]))
		kind := file.ByteOrder.Uint32(b[8:])
		desc := alignUp(12+nameSize, align)
		next := alignUp(desc+descSize, align)
		if desc+descSize > uint64(len(b)) {
			return nil
		}
		if kind == noteGNUBuildID && string(b[12:12+nameSize]) == "GNU\x00" && descSize > 0 {
			return slices.Clone(b[desc : desc+descSize])
		}
		b = b[min(next, uint64(len(b))):]
	}
	return nil
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// directories cuts a DT_RPATH or DT_RUNPATH.
func directories(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}
