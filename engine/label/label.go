package label

import (
	"cmp"
	"fmt"
	"path"
	"strings"
)

// Label is the name of one target. The zero Label names nothing.
type Label struct {
	repo string // "" is the main workspace
	dir  string // slash separated, "" is the root of the repo
	name string // may hold slashes: a file below dir
}

// New puts a label together from valid parts.
func New(repo, dir, name string) (Label, error) {
	if err := checkRepo(repo); err != nil {
		return Label{}, err
	}
	if err := checkDir(dir); err != nil {
		return Label{}, err
	}
	if err := checkName(name); err != nil {
		return Label{}, err
	}
	return Label{repo, dir, name}, nil
}

// Parse reads an absolute label ("//dir:name", "@repo//dir", "//dir") or one
// relative to the build directory of base (":name", "name", "sub/file").
func Parse(s string, base Label) (Label, error) {
	l, err := parse(s, base)
	if err != nil {
		return Label{}, fmt.Errorf("label %q: %w", s, err)
	}
	return l, nil
}

func parse(s string, base Label) (Label, error) {
	if s == "" {
		return Label{}, fmt.Errorf("empty")
	}
	repo, rest, absolute, err := splitRepo(s, base.repo)
	if err != nil {
		return Label{}, err
	}
	if !absolute {
		return New(base.repo, base.dir, strings.TrimPrefix(s, ":"))
	}
	dir, name, ok := strings.Cut(rest, ":")
	if !ok {
		name = path.Base(dir)
		if dir == "" {
			return Label{}, fmt.Errorf("the root directory has no default target; write //:name")
		}
	}
	return New(repo, dir, name)
}

// splitRepo separates "@repo//rest" and "//rest"; anything else is relative.
func splitRepo(s, home string) (repo, rest string, absolute bool, err error) {
	if strings.HasPrefix(s, "//") {
		return home, s[2:], true, nil
	}
	if !strings.HasPrefix(s, "@") {
		return "", "", false, nil
	}
	repo, rest, ok := strings.Cut(s[1:], "//")
	if !ok {
		return "", "", false, fmt.Errorf("want @repo//dir:name")
	}
	return repo, rest, true, nil
}

func checkRepo(s string) error {
	for _, r := range s {
		if !isNameRune(r) || r == '/' {
			return fmt.Errorf("repository name %q: character %q is not allowed", s, r)
		}
	}
	return nil
}

func checkDir(s string) error {
	if s == "" {
		return nil
	}
	if path.Clean(s) != s || strings.HasPrefix(s, "/") || s == ".." || strings.HasPrefix(s, "../") || s == "." {
		return fmt.Errorf("directory %q: want a clean relative path", s)
	}
	return checkRunes("directory", s)
}

func checkName(s string) error {
	if s == "" {
		return fmt.Errorf("empty target name")
	}
	if path.Clean(s) != s || strings.HasPrefix(s, "/") || s == ".." || strings.HasPrefix(s, "../") {
		return fmt.Errorf("target name %q: want a clean relative path", s)
	}
	return checkRunes("target name", s)
}

func checkRunes(what, s string) error {
	for _, r := range s {
		if !isNameRune(r) {
			return fmt.Errorf("%s %q: character %q is not allowed", what, s, r)
		}
	}
	return nil
}

// isNameRune follows Bazel's target names, without the space and the wildcard
// characters, which would make command lines ambiguous.
func isNameRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	}
	return strings.ContainsRune("!%-@^_#$&'()+,;<=>{|}~/.", r) || r > 127
}

// String is the canonical form: "//dir:name" or "@repo//dir:name".
func (l Label) String() string {
	if l == (Label{}) {
		return ""
	}
	return l.Directory() + ":" + l.name
}

// Short leaves out what can be inferred: "//dir" for "//dir:dir".
func (l Label) Short() string {
	if l.dir != "" && path.Base(l.dir) == l.name {
		return l.Directory()
	}
	return l.String()
}

// Directory is the label without its name: "//dir" or "@repo//dir".
func (l Label) Directory() string {
	if l.repo == "" {
		return "//" + l.dir
	}
	return "@" + l.repo + "//" + l.dir
}

// Repo is the workspace or layer, "" for the main workspace.
func (l Label) Repo() string { return l.repo }

// Dir is the build directory below the root of its repo, "" for the root.
func (l Label) Dir() string { return l.dir }

// Name is the target.
func (l Label) Name() string { return l.name }

// Path is the file that a label would name on disk, relative to its repo.
func (l Label) Path() string { return path.Join(l.dir, l.name) }

// Sibling is another target of the same build directory.
func (l Label) Sibling(name string) (Label, error) { return New(l.repo, l.dir, name) }

// IsZero reports whether l names nothing.
func (l Label) IsZero() bool { return l == Label{} }

// Compare orders labels by repo, directory, name.
func (l Label) Compare(m Label) int {
	return cmp.Or(cmp.Compare(l.repo, m.repo), cmp.Compare(l.dir, m.dir), cmp.Compare(l.name, m.name))
}
