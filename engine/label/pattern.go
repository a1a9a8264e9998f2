package label

import (
	"fmt"
	"strings"
)

// Pattern is a set of targets as a command line writes it: one label,
// "//dir:all" (also "//dir:*") or "//dir/..."; a leading "-" takes the set away.
type Pattern struct {
	exclude   bool
	recursive bool
	all       bool
	label     Label // the name is "all" unless one target is meant
}

// ParsePattern reads a pattern relative to the build directory of base.
func ParsePattern(s string, base Label) (Pattern, error) {
	text, exclude := strings.CutPrefix(s, "-")
	p, err := parsePattern(text, base)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", s, err)
	}
	p.exclude = exclude
	return p, nil
}

func parsePattern(s string, base Label) (Pattern, error) {
	repo, rest, absolute, err := splitRepo(s, base.repo)
	if err != nil {
		return Pattern{}, err
	}
	if !absolute {
		repo, rest = base.repo, relative(base.dir, s)
	}
	if dir, ok := strings.CutSuffix(rest, "..."); ok && (dir == "" || strings.HasSuffix(dir, "/")) {
		l, err := New(repo, strings.TrimSuffix(dir, "/"), "all")
		return Pattern{recursive: true, all: true, label: l}, err
	}
	dir, name, ok := strings.Cut(rest, ":")
	if ok && (name == "all" || name == "*") {
		l, err := New(repo, dir, "all")
		return Pattern{all: true, label: l}, err
	}
	l, err := parse("@"+repo+"//"+rest, Label{})
	return Pattern{label: l}, err
}

// relative turns a pattern typed in directory dir into an absolute one: a text
// without a colon names a build directory, as in Bazel.
func relative(dir, s string) string {
	if dir == "" || strings.HasPrefix(s, ":") {
		return dir + s
	}
	return dir + "/" + s
}

// Exclude reports whether the pattern takes its targets away.
func (p Pattern) Exclude() bool { return p.exclude }

// Single is the one label that p names; ok is false for a wildcard.
func (p Pattern) Single() (l Label, ok bool) { return p.label, !p.all }

// Recursive reports whether p reaches below its directory.
func (p Pattern) Recursive() bool { return p.recursive }

// Root is a label in the directory where p starts.
func (p Pattern) Root() Label { return p.label }

// Matches reports whether l is in the set, exclusion aside.
func (p Pattern) Matches(l Label) bool {
	switch {
	case l.repo != p.label.repo:
		return false
	case !p.all:
		return l == p.label
	case !p.recursive:
		return l.dir == p.label.dir
	}
	return p.label.dir == "" || l.dir == p.label.dir || strings.HasPrefix(l.dir, p.label.dir+"/")
}

// String is the pattern in canonical form.
func (p Pattern) String() string {
	s := p.label.String()
	switch {
	case p.recursive && p.label.dir == "":
		s = p.label.Directory() + "..."
	case p.recursive:
		s = p.label.Directory() + "/..."
	case p.all:
		s = p.label.Directory() + ":all"
	}
	if p.exclude {
		return "-" + s
	}
	return s
}
