package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// FloatABI is how floating point numbers are passed to functions. Objects with
// different ones do not work together, although their headers are the same.
type FloatABI string

// FloatUnknown is also the answer for machines that have one way only.
const (
	FloatUnknown FloatABI = ""
	FloatSoft    FloatABI = "soft"
	FloatHard    FloatABI = "hard"
	FloatSingle  FloatABI = "single" // hard, without double precision (e500)
)

// The e_flags of an ARM executable, ELF for the ARM Architecture, table 4-2.
const (
	armFloatSoft = 0x200
	armFloatHard = 0x400
)

// Tags of build attributes.
const (
	tagFile          = 1  // attributes of the whole file
	tagCompatibility = 32 // has a number and a string
	tagARMVFPArgs    = 28 // Tag_ABI_VFP_args: 0 soft, 1 hard
	tagPowerFP       = 4  // Tag_GNU_Power_ABI_FP, lower two bits: 1 hard, 2 soft, 3 single
)

func floatABI(file *elf.File, flags uint32) FloatABI {
	switch {
	case file.Machine == elf.EM_ARM && flags&armFloatHard != 0:
		return FloatHard
	case file.Machine == elf.EM_ARM && flags&armFloatSoft != 0:
		return FloatSoft
	case file.Machine == elf.EM_ARM:
		return armFloat(attributes(file, ".ARM.attributes", "aeabi"))
	case file.Machine == elf.EM_PPC:
		return powerFloat(attributes(file, ".gnu.attributes", "gnu"))
	}
	return FloatUnknown
}

func armFloat(attributes map[uint64]uint64) FloatABI {
	args, ok := attributes[tagARMVFPArgs]
	switch {
	case ok && args == 1:
		return FloatHard
	case ok && args == 0:
		return FloatSoft
	}
	return FloatUnknown
}

func powerFloat(attributes map[uint64]uint64) FloatABI {
	switch attributes[tagPowerFP] & 3 {
	case 1:
		return FloatHard
	case 2:
		return FloatSoft
	case 3:
		return FloatSingle
	}
	return FloatUnknown
}

// maxAttributes bounds a section of attributes, which has some 50 bytes.
const maxAttributes = 64 << 10

// attributes gives those of a vendor that are numbers and concern the whole
// file (ELF for the ARM Architecture, section 4.3.6; GNU as, "Object
// Attributes"). Damaged ones count as none: they decide about nothing.
func attributes(file *elf.File, section, vendor string) map[uint64]uint64 {
	s := file.Section(section)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil
	}
	b := make([]byte, min(s.FileSize, maxAttributes))
	n, _ := s.ReadAt(b, 0)
	b = b[:n]
	if len(b) == 0 || b[0] != 'A' {
		return nil
	}
	for b = b[1:]; len(b) >= 4; {
		size := uint64(file.ByteOrder.Uint32(b))
		if size < 4 || size > uint64(len(b)) {
			return nil
		}
		name, blocks, ok := bytes.Cut(b[4:size], []byte{0})
		if ok && string(name) == vendor {
			return fileAttributes(blocks, file.ByteOrder, vendor)
		}
		b = b[size:]
	}
	return nil
}

// fileAttributes reads the blocks of one vendor: a tag for what they concern,
// a size that counts both, attributes.
func fileAttributes(b []byte, order binary.ByteOrder, vendor string) map[uint64]uint64 {
	for len(b) >= 5 {
		size := uint64(order.Uint32(b[1:]))
		if size < 5 || size > uint64(len(b)) {
			return nil
		}
		if b[0] == tagFile {
			return numbers(b[5:size], vendor)
		}
		b = b[size:]
	}
	return nil
}

func numbers(b []byte, vendor string) map[uint64]uint64 {
	found := map[uint64]uint64{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return found
		}
		b = b[n:]
		if tag == tagCompatibility || !isString(tag, vendor) {
			value, n := binary.Uvarint(b)
			if n <= 0 {
				return found
			}
			found[tag] = value
			b = b[n:]
		}
		if isString(tag, vendor) {
			_, b, _ = bytes.Cut(b, []byte{0})
		}
	}
	return found
}

// isString reports whether a tag has a string: odd ones do, but ARM's below 32
// are numbers, except for 4 and 5, the names of the CPU.
func isString(tag uint64, vendor string) bool {
	if vendor == "aeabi" && tag < tagCompatibility {
		return tag == 4 || tag == 5
	}
	return tag == tagCompatibility || tag%2 == 1
}
