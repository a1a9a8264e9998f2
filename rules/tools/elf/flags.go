package elf

import (
	"maps"
	"slices"
	"strings"
)

// Flags are what flags of gcc come to, as far as they are recorded and decide how
// good a program is. Of contradicting flags the last counts.
type Flags struct {
	optimize  string            // "-Os"; "" for none
	protector string            // "-fstack-protector-strong"; "" for none
	machine   map[string]string // value by "-mcpu=", "" by "-m32"
}

// ParseFlags reads flags in the order of a command line. Those that are of no
// interest here are skipped.
func ParseFlags(words []string) Flags {
	f := Flags{machine: map[string]string{}}
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "-O"):
			f.optimize = w
		case slices.Contains(protectors, w):
			f.protector = w
		case strings.HasPrefix(w, "-m"):
			name, value, _ := strings.Cut(w, "=")
			f.machine[name] = value
		}
	}
	return f
}

// protectors are the flags for stacks, each protecting more functions than those
// before it. What -explicit protects, its source asks for.
var protectors = []string{
	"-fno-stack-protector",
	"-fstack-protector-explicit",
	"-fstack-protector",
	"-fstack-protector-strong",
	"-fstack-protector-all",
}

// Lack is a flag that something should have been compiled with.
type Lack struct {
	Property Property
	Flag     string
}

// Lacking are the flags of want that got does not have: another optimisation, a
// weaker stack protector, another CPU. What want leaves open is of no interest.
func (want Flags) Lacking(got Flags) []Lack {
	var lacking []Lack
	if want.optimize != "" && want.optimize != got.optimize {
		lacking = append(lacking, Lack{PropertyOptimize, want.optimize})
	}
	if protection(got.protector) < protection(want.protector) {
		lacking = append(lacking, Lack{PropertyStackProtector, want.protector})
	}
	for _, name := range slices.Sorted(maps.Keys(want.machine)) {
		value := want.machine[name]
		if have, ok := got.machine[name]; ok && have == value {
			continue
		}
		if value != "" {
			name += "=" + value
		}
		lacking = append(lacking, Lack{PropertyCPU, name})
	}
	return lacking
}

// protection is the strength of a flag; without one there is none.
func protection(flag string) int { return max(slices.Index(protectors, flag), 0) }
