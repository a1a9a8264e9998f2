package main

import (
	"strings"

	"github.com/kittyhawk/appliance/engine/label"
)

// protected marks an argument that looks like a flag and is a pattern. No
// argument of a process can hold this byte.
const protected = "\x00"

// protectExclusions keeps the flag parser away from patterns such as
// -//examples/..., whose place among the others matters. "--" ends the flags
// anyway.
func protectExclusions(args []string) []string {
	out := make([]string, len(args))
	for i, s := range args {
		if s == "--" {
			copy(out[i:], args[i:])
			break
		}
		if isExclusion(s) {
			s = protected + s
		}
		out[i] = s
	}
	return out
}

func isExclusion(s string) bool {
	return strings.HasPrefix(s, "-//") || strings.HasPrefix(s, "-@") || strings.HasPrefix(s, "-:")
}

// patterns reads target patterns relative to the build directory that the
// program was started in.
func (w place) patterns(args []string) ([]label.Pattern, error) {
	if len(args) == 0 {
		return nil, usagef("no targets: want patterns such as //examples/..., //:all or :name")
	}
	var list []label.Pattern
	for _, s := range args {
		p, err := label.ParsePattern(strings.TrimPrefix(s, protected), w.base)
		if err != nil {
			return nil, &usageError{err}
		}
		list = append(list, p)
	}
	return list, nil
}
