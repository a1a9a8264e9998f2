package elf

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// Hardening is what a toolchain does to make mistakes in programs harder to
// exploit. The zero Hardening asks for nothing.
type Hardening struct {
	Relro bool
	Now   bool // the loader looks up all functions before a program starts
	PIE   bool
}

// CheckHardening tells what a program or shared library lacks. Static programs
// have no tables that a loader would fill; object files are neither.
func CheckHardening(path string, info *Info, want Hardening) []Problem {
	if info.Type != elf.ET_EXEC && info.Type != elf.ET_DYN || info.DebugOnly {
		return nil
	}
	var problems []Problem
	report := func(property Property, text string) { problems = append(problems, Problem{path, text, property}) }
	if info.Stack == StackUnspecified {
		report(PropertyStack, "does not say that its stack needs no code: one of its objects is assembled from a source without a section .note.GNU-stack")
	}
	if want.Relro && info.Dynamic && !info.Relro {
		report(PropertyRelro, "the tables of the dynamic linker stay writable: it is not linked with -Wl,-z,relro of LDFLAGS")
	}
	if want.Now && info.Dynamic && !info.BindNow {
		report(PropertyNow, "functions are looked up when they are first called: it is not linked with -Wl,-z,now of LDFLAGS")
	}
	if want.PIE && info.Type == elf.ET_EXEC {
		report(PropertyPIE, "lies at a fixed address: it is linked with -static or -no-pie, or not with LDFLAGS")
	}
	return problems
}

// CheckCompiled tells which flags of want were not used for a file that has not
// been stripped of what gcc -frecord-gcc-switches left in it.
func CheckCompiled(path string, info *Info, want Flags) []Problem {
	var problems []Problem
	report := func(property Property, format string, args ...any) {
		problems = append(problems, Problem{path, fmt.Sprintf(format, args...), property})
	}
	c := info.Compiled
	switch {
	case info.DebugOnly || len(c.Recorded) > 0:
	case info.Type == elf.ET_REL && c.ByGCC:
		report(PropertyCompiler, "compiled, but not by $CC with its flags")
	case info.Type == elf.ET_EXEC || info.Type == elf.ET_DYN:
		report(PropertyCompiler, "nothing in it was compiled by $CC with its flags")
	}
	for _, call := range slices.Sorted(slices.Values(c.Recorded)) {
		for _, lack := range want.Lacking(ParseFlags(strings.Fields(call))) {
			report(lack.Property, "compiled without %s, as %q: is CFLAGS not used, or changed?", lack.Flag, call)
		}
	}
	return problems
}
