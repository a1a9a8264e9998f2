package trees

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Selection is a set of paths: those that an include pattern matches, or all if
// there is none, without those that an exclude pattern matches. A pattern that
// matches a directory covers all that is below it. The zero Selection is every
// path.
type Selection struct {
	include, exclude []string
}

// NewSelection takes patterns as doublestar reads them (*, **, ?, [a-z], {a,b}),
// against clean relative paths.
func NewSelection(include, exclude []string) (Selection, error) {
	for _, patterns := range [][]string{include, exclude} {
		for _, p := range patterns {
			if err := checkPattern(p); err != nil {
				return Selection{}, err
			}
		}
	}
	return Selection{include, exclude}, nil
}

func checkPattern(p string) error {
	switch {
	case !doublestar.ValidatePattern(p):
		return fmt.Errorf("pattern %q: malformed", p)
	case p == "" || strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || path.Clean(p) != p:
		return fmt.Errorf("pattern %q: want a clean path relative to the tree, such as usr/share/doc or **/*.la", p)
	}
	return nil
}

// All reports whether every path is in the set.
func (s Selection) All() bool { return len(s.include) == 0 && len(s.exclude) == 0 }

// Has reports whether the clean relative path p is in the set.
func (s Selection) Has(p string) bool {
	if s.All() {
		return true
	}
	return !covers(s.exclude, p) && (len(s.include) == 0 || covers(s.include, p))
}

// Excluded reports whether p, and so all below it, is excluded. A path that is
// neither excluded nor in the set may still have some of it below.
func (s Selection) Excluded(p string) bool { return covers(s.exclude, p) }

// covers reports whether a pattern matches p or a directory above it.
func covers(patterns []string, p string) bool {
	if len(patterns) == 0 {
		return false
	}
	for end := len(p); end > 0; end = strings.LastIndexByte(p[:end], '/') {
		if matches(patterns, p[:end]) {
			return true
		}
	}
	return false
}

func matches(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if doublestar.MatchUnvalidated(pattern, p) {
			return true
		}
	}
	return false
}
