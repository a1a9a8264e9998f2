package bootcheck

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is that of a kernel, or of its headers.
type Version struct {
	text  string
	parts [3]int
}

// ParseVersion reads two or three numbers, as in 6.1 and 6.1.176; a fourth of
// old kernels and what stands behind a "-" are allowed, and are not compared.
func ParseVersion(text string) (Version, error) {
	v := Version{text: text}
	numbers, _, _ := strings.Cut(text, "-")
	fields := strings.Split(numbers, ".")
	if len(fields) < 2 || len(fields) > 4 {
		return Version{}, fmt.Errorf("got version %q, want numbers such as 6.1.176", text)
	}
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("got version %q, want numbers such as 6.1.176", text)
		}
		if i < len(v.parts) {
			v.parts[i] = int(n)
		}
	}
	return v, nil
}

func (v Version) String() string { return v.text }

// Compare is -1, 0 or 1 as v is older than w, as old, or newer.
func (v Version) Compare(w Version) int {
	for i := range v.parts {
		if c := cmp.Compare(v.parts[i], w.parts[i]); c != 0 {
			return c
		}
	}
	return 0
}

// series is v without what only repairs it: what programs can ask of a kernel
// is the same in 6.1.4 and 6.1.176.
func (v Version) series() Version {
	significant := 2
	if v.parts[0] < 3 {
		significant = 3 // 2.6.32
	}
	s := v
	for i := significant; i < len(s.parts); i++ {
		s.parts[i] = 0
	}
	return s
}
