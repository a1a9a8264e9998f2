package bootcheck

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Kernel is what the file that a loader starts says of itself.
type Kernel struct {
	Arch   string // as the kernel's makefiles name it; "" if the file does not say
	Memory int64  // bytes it takes when it starts, with what it clears and unpacks
}

// ReadKernel knows ELF files, x86's bzImage and arm64's Image. Of other files it
// tells the size.
func ReadKernel(r io.ReaderAt, size int64) (Kernel, error) {
	head := make([]byte, headBytes)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Kernel{}, fmt.Errorf("read: %w", err)
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return readELF(r)
	case has(head, bzMagicOffset, "HdrS"):
		return Kernel{Arch: "x86", Memory: max(size, bzMemory(head))}, nil
	case has(head, arm64MagicOffset, "ARM\x64"):
		memory := binary.LittleEndian.Uint64(head[arm64SizeOffset:])
		if memory > math.MaxInt32 {
			return Kernel{}, fmt.Errorf("its header says that it needs %d bytes of memory", memory)
		}
		return Kernel{Arch: "arm64", Memory: max(size, int64(memory))}, nil
	}
	return Kernel{Memory: size}, nil
}

const headBytes = 0x264

// Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
const (
	bzMagicOffset   = 0x202
	bzVersionOffset = 0x206 // protocol, 16 bits
	bzSizeOffset    = 0x260 // init_size, 32 bits, from protocol 2.10
	bzSizeProtocol  = 0x20a
)

// Documentation/arch/arm64/booting.rst, "Call the kernel image".
const (
	arm64MagicOffset = 56
	arm64SizeOffset  = 16 // image_size, 64 bits; 0 before 3.17
)

func has(head []byte, at int, magic string) bool {
	return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
}

func bzMemory(head []byte) int64 {
	if len(head) < bzSizeOffset+4 || binary.LittleEndian.Uint16(head[bzVersionOffset:]) < bzSizeProtocol {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(head[bzSizeOffset:]))
}

var elfArchs = map[elf.Machine]string{
	elf.EM_386:     "x86",
	elf.EM_AARCH64: "arm64",
	elf.EM_ARM:     "arm",
	elf.EM_MIPS:    "mips",
	elf.EM_PPC:     "powerpc",
	elf.EM_PPC64:   "powerpc",
	elf.EM_RISCV:   "riscv",
	elf.EM_X86_64:  "x86",
}

func readELF(r io.ReaderAt) (Kernel, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return Kernel{}, err
	}
	low, high := uint64(math.MaxUint64), uint64(0)
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Memsz > 0 {
			low, high = min(low, p.Paddr), max(high, p.Paddr+p.Memsz)
		}
	}
	if low >= high || high-low > math.MaxInt32 {
		return Kernel{}, errors.New("its segments do not lie in 2 GiB of memory")
	}
	return Kernel{Arch: elfArchs[f.Machine], Memory: int64(high - low)}, nil
}
