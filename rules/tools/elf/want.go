package elf

import (
	"debug/elf"
	"fmt"
)

// Numbers of each kind that elf.h knows are below these.
const (
	machineCount = 1 << 16
	classCount   = 1 << 8
	dataCount    = 1 << 8
)

// ParseWant is the Want for a machine by the names of elf.h: "EM_PPC",
// "ELFCLASS32", "ELFDATA2MSB". "EM_NONE" takes files for any machine.
func ParseWant(machine, class, data string) (Want, error) {
	var w Want
	var ok [3]bool
	w.Machine, ok[0] = byName[elf.Machine](machine, machineCount)
	w.Class, ok[1] = byName[elf.Class](class, classCount)
	w.Data, ok[2] = byName[elf.Data](data, dataCount)
	for i, name := range []string{machine, class, data} {
		if !ok[i] {
			return Want{}, fmt.Errorf("machine %q: elf.h has no such name", name)
		}
	}
	return w, nil
}

// number is one of debug/elf's types.
type number interface {
	~int | ~byte | ~uint16
	fmt.Stringer
}

func byName[N number](name string, count int) (N, bool) {
	for i := range count {
		if n := N(i); n.String() == name {
			return n, true
		}
	}
	return 0, false
}
