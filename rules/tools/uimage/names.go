package uimage

import (
	"fmt"
	"strings"
)

// The numbers are those of include/image.h. They are part of the format and
// never change; new ones are appended.
type (
	Arch        uint8 // IH_ARCH_…
	OS          uint8 // IH_OS_…
	Type        uint8 // IH_TYPE_…
	Compression uint8 // IH_COMP_…
)

// Types that have a layout of their own.
const (
	TypeMulti  Type = 4
	TypeScript Type = 6
)

// names is a table of boot/image.c: U-Boot's short names by number. Where one
// number has two names, the second is in alias.
type names struct {
	what  string
	short []string // "" where the number has no name
	alias map[string]uint8
}

var archs = names{
	what: "architecture",
	short: []string{
		1: "alpha", 2: "arm", 3: "x86", 4: "ia64", 5: "mips", 6: "mips64", 7: "ppc",
		8: "s390", 9: "sh", 10: "sparc", 11: "sparc64", 12: "m68k", 13: "nios",
		14: "microblaze", 15: "nios2", 16: "blackfin", 17: "avr32", 18: "st200",
		19: "sandbox", 20: "nds32", 21: "or1k", 22: "arm64", 23: "arc",
		24: "x86_64", 25: "xtensa", 26: "riscv",
	},
	alias: map[string]uint8{"powerpc": 7},
}

var systems = names{
	what: "operating system",
	short: []string{
		1: "openbsd", 2: "netbsd", 3: "freebsd", 4: "4_4bsd", 5: "linux", 6: "svr4",
		7: "esix", 8: "solaris", 9: "irix", 10: "sco", 11: "dell", 12: "ncr",
		13: "lynxos", 14: "vxworks", 15: "psos", 16: "qnx", 17: "u-boot",
		18: "rtems", 19: "artos", 20: "unity", 21: "integrity", 22: "ose",
		23: "plan9", 24: "openrtos", 25: "arm-trusted-firmware", 26: "tee",
		27: "opensbi", 28: "efi", 29: "elf",
	},
}

// types are those that have this header (image_check_image_types in
// tools/default_image.c). The others of include/image.h, such as kwbimage, are
// formats of their own.
var types = names{
	what: "image type",
	short: []string{
		1: "standalone", 2: "kernel", 3: "ramdisk", TypeMulti: "multi", 5: "firmware",
		TypeScript: "script", 7: "filesystem", 8: "flat_dt", 14: "kernel_noload",
	},
	alias: map[string]uint8{"fdt_legacy": 8},
}

var compressions = names{
	what:  "compression",
	short: []string{0: "none", 1: "gzip", 2: "bzip2", 3: "lzma", 4: "lzo", 5: "lz4", 6: "zstd"},
}

// ParseArch reads a name of Archs, or "powerpc", which is "ppc".
func ParseArch(name string) (Arch, error) {
	n, err := archs.parse(name)
	return Arch(n), err
}

// ParseOS reads a name of OSes.
func ParseOS(name string) (OS, error) {
	n, err := systems.parse(name)
	return OS(n), err
}

// ParseType reads a name of Types, or "fdt_legacy", mkimage's name for a
// "flat_dt" with this header.
func ParseType(name string) (Type, error) {
	n, err := types.parse(name)
	return Type(n), err
}

// ParseCompression reads a name of Compressions.
func ParseCompression(name string) (Compression, error) {
	n, err := compressions.parse(name)
	return Compression(n), err
}

// Archs, OSes, Types and Compressions list what the Parse functions know, by
// number.
func Archs() []string        { return archs.list() }
func OSes() []string         { return systems.list() }
func Types() []string        { return types.list() }
func Compressions() []string { return compressions.list() }

func (a Arch) String() string        { return archs.name(uint8(a)) }
func (o OS) String() string          { return systems.name(uint8(o)) }
func (t Type) String() string        { return types.name(uint8(t)) }
func (c Compression) String() string { return compressions.name(uint8(c)) }

// hasParts reports whether the data of an image of type t begin with a table
// of sizes. Scripts do even when there is just one.
func (t Type) hasParts() bool { return t == TypeMulti || t == TypeScript }

func (n names) parse(name string) (uint8, error) {
	for number, short := range n.short {
		if short != "" && short == name {
			return uint8(number), nil
		}
	}
	if number, ok := n.alias[name]; ok {
		return number, nil
	}
	return 0, fmt.Errorf("%s %q: want one of %s", n.what, name, strings.Join(n.list(), ", "))
}

// check refuses a number without a name.
func (n names) check(number uint8) error {
	if int(number) >= len(n.short) || n.short[number] == "" {
		return fmt.Errorf("%s %d: not one that U-Boot knows in this header", n.what, number)
	}
	return nil
}

func (n names) name(number uint8) string {
	if n.check(number) != nil {
		return fmt.Sprintf("%s(%d)", n.what, number)
	}
	return n.short[number]
}

func (n names) list() []string {
	var list []string
	for _, short := range n.short {
		if short != "" {
			list = append(list, short)
		}
	}
	return list
}
