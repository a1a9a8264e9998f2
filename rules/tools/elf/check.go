package elf

import (
	"debug/elf"
	"fmt"
	"path"
	"strings"
)

// Want is what the files of an image have to be.
type Want struct {
	Class   elf.Class
	Data    elf.Data
	Machine elf.Machine // EM_NONE takes files for any machine, class and byte order

	// FloatABI is compared only with files that tell theirs; FloatUnknown
	// takes all.
	FloatABI FloatABI

	// HasDir reports whether a directory is in the image, for RPATH and
	// RUNPATH. Nil means that no file may have one.
	HasDir func(dir string) bool

	// ExecStack takes files that ask for an executable stack.
	ExecStack bool
}

// Problem is something wrong with one file.
type Problem struct {
	Path     string   // of the file in the image
	Text     string   // what is wrong
	Property Property // that is missing; "" if there can be no exception
}

func (p Problem) String() string { return p.Path + ": " + p.Text }

// Check tells what is wrong with the file at path in the image. A file of
// another machine gets no further complaints.
func Check(path string, info *Info, want Want) []Problem {
	var problems []Problem
	report := func(property Property, format string, args ...any) {
		problems = append(problems, Problem{path, fmt.Sprintf(format, args...), property})
	}
	same := info.Class == want.Class && info.Data == want.Data && info.Machine == want.Machine
	if want.Machine != elf.EM_NONE && !same {
		report("", "built for %s, want %s", machine(info.Machine, info.Class, info.Data), machine(want.Machine, want.Class, want.Data))
		return problems
	}
	if want.FloatABI != FloatUnknown && info.FloatABI != FloatUnknown && info.FloatABI != want.FloatABI {
		report("", "built for %s float, want %s float", info.FloatABI, want.FloatABI)
	}
	if info.Stack == StackExec && !want.ExecStack {
		report(PropertyStack, "asks for an executable stack")
	}
	for _, dir := range info.RPath {
		if complaint := checkDir(path, dir, want.HasDir); complaint != "" {
			report(PropertyRPath, "RPATH %q: %s", dir, complaint)
		}
	}
	for _, dir := range info.RunPath {
		if complaint := checkDir(path, dir, want.HasDir); complaint != "" {
			report(PropertyRPath, "RUNPATH %q: %s", dir, complaint)
		}
	}
	return problems
}

// checkDir says what is wrong with one directory of the RPATH of file. An empty
// one means the directory that the program is started in.
func checkDir(file, dir string, hasDir func(string) bool) string {
	expanded := expandOrigin(file, dir)
	switch {
	case hasDir == nil:
		return "no RPATH is allowed"
	case !path.IsAbs(expanded):
		return "relative to wherever the program is started"
	case !hasDir(path.Clean(expanded)):
		return "not in the image"
	}
	return ""
}

// expandOrigin replaces $ORIGIN, the directory of file, ld.so(8).
func expandOrigin(file, dir string) string {
	origin := path.Dir(file)
	return strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin).Replace(dir)
}

// machine is for messages: "EM_PPC, 32 bit, big endian".
func machine(m elf.Machine, c elf.Class, d elf.Data) string {
	bits := map[elf.Class]string{elf.ELFCLASS32: "32 bit", elf.ELFCLASS64: "64 bit"}[c]
	order := map[elf.Data]string{elf.ELFDATA2LSB: "little endian", elf.ELFDATA2MSB: "big endian"}[d]
	return fmt.Sprintf("%s, %s, %s", m, bits, order)
}
