package archive

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Linux's limits in bytes: NAME_MAX and PATH_MAX.
const (
	maxName = 255
	maxPath = 4095
)

// cleanName is the path that an archive means by a name, "" for its root.
// Names that are absolute or hold ".." are refused, however harmless the rest
// makes them.
func cleanName(name string) (string, error) {
	switch {
	case name == "":
		return "", fmt.Errorf("empty name")
	case strings.HasPrefix(name, "/"):
		return "", fmt.Errorf("absolute name")
	case strings.Contains(name, "\x00"):
		return "", fmt.Errorf("NUL in the name")
	case len(name) > maxPath:
		return "", fmt.Errorf("name of %d bytes, want at most %d", len(name), maxPath)
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", fmt.Errorf(`".." in the name`)
		}
		if len(part) > maxName {
			return "", fmt.Errorf("name with a part of %d bytes, want at most %d", len(part), maxName)
		}
	}
	if clean := path.Clean(name); clean != "." {
		return clean, nil
	}
	return "", nil
}

// stripper takes the leading directories off names.
type stripper struct {
	prefix     string // "" until it is known
	components int    // 0 when prefix was given
}

func newStripper(o Options) *stripper { return &stripper{o.StripPrefix, o.StripComponents} }

// strip is the path p below the prefix. above is true for a directory that
// leads to the prefix, which is nothing in the tree.
func (s *stripper) strip(p string, dir bool) (rest string, above bool, err error) {
	if s.prefix == "" && s.components > 0 {
		above, err := s.learn(p, dir)
		if above || err != nil {
			return "", above, err
		}
	}
	switch {
	case s.prefix == "":
		return p, false, nil
	case p == s.prefix:
		return "", false, nil
	case strings.HasPrefix(p, s.prefix+"/"):
		return p[len(s.prefix)+1:], false, nil
	case dir && (p == "" || strings.HasPrefix(s.prefix, p+"/")):
		return "", true, nil
	}
	return "", false, &outsideError{s.prefix, s.components}
}

// learn finds out which the leading directories are.
func (s *stripper) learn(p string, dir bool) (above bool, err error) {
	parts := strings.Split(p, "/")
	switch {
	case p != "" && (len(parts) > s.components || dir && len(parts) == s.components):
		s.prefix = strings.Join(parts[:s.components], "/")
		return false, nil
	case dir:
		return true, nil
	}
	return false, &outsideError{"", s.components}
}

// outsideError: an entry lies outside of what is to become the root.
type outsideError struct {
	prefix     string
	components int
}

func (e *outsideError) Error() string {
	switch {
	case e.components == 0:
		return fmt.Sprintf("lies outside of strip_prefix %q", e.prefix)
	case e.prefix == "":
		return fmt.Sprintf("has fewer directories than strip_components %d takes off", e.components)
	}
	return fmt.Sprintf("lies outside of %q, which strip_components %d takes off the entries before it", e.prefix, e.components)
}

// listing names at most eight of names.
func listing(names []string) string {
	const most = 8
	quoted := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return s
}

// topLevel collects the first parts of names; directories end in a slash.
type topLevel map[string]bool

func (t topLevel) add(name string, dir bool) {
	p, err := cleanName(name)
	if err != nil || p == "" {
		return
	}
	first, _, below := strings.Cut(p, "/")
	t[first] = t[first] || below || dir
}

// explain adds to an error about an entry outside of the prefix what the prefix
// could have been.
func (t topLevel) explain(err error) error {
	names := make([]string, 0, len(t))
	for name, dir := range t {
		if dir {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("%w; the top level of the archive is %s", err, listing(names))
}
