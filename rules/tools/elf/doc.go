// Package elf tells what an ELF file is and what is wrong with it in a given
// root file system.
//
// It owns the facts (Inspect, Archive), the checks of one file (Check,
// FindStrings) and of all files together (Resolve). Its tool "elfcheck" lets a
// tree pass whose programs are in order. It does not know where files come from,
// and changes none.
//
// Headers are read by the standard library's debug/elf. The dynamic section is
// read here, from the program headers, as the loader of the appliance does it:
// section headers can be stripped and can lie. Files are hostile; every table
// and string has a bound, and nothing in here allocates what a header claims.
//
// Specifications: System V ABI, chapters 4 and 5 (gabi); ld.so(8) for the search
// of libraries; ELF for the ARM Architecture and the Power Architecture 32-bit
// ABI for build attributes.
package elf
