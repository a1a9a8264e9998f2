package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Manifest is a complete, checked file system. It does not change.
type Manifest struct {
	entries []Entry // sorted by path, so that a directory precedes what it holds
}

// New makes a manifest of entries in any order. It copies them, sorts them by
// path and their Xattrs by name. The error joins one error for each entry
// that is wrong; it names the entry's path.
func New(entries []Entry) (*Manifest, error) {
	sorted := slices.Clone(entries)
	for i := range sorted {
		sorted[i].Xattrs = cloneXattrs(sorted[i].Xattrs)
	}
	slices.SortStableFunc(sorted, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	m := &Manifest{entries: sorted}
	var errs []error
	for _, p := range m.problems() {
		errs = append(errs, fmt.Errorf("manifest: %w", p.err))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return m, nil
}

func cloneXattrs(xattrs []Xattr) []Xattr {
	if len(xattrs) == 0 {
		return nil
	}
	sorted := make([]Xattr, len(xattrs))
	for i, x := range xattrs {
		sorted[i] = Xattr{x.Name, append([]byte{}, x.Value...)}
	}
	slices.SortStableFunc(sorted, func(a, b Xattr) int { return cmp.Compare(a.Name, b.Name) })
	return sorted
}

// Len is the number of entries, the root included.
func (m *Manifest) Len() int { return len(m.entries) }

// Entries are all entries, sorted by path: the root is first and a directory
// precedes what it holds. The slice is the caller's; the attribute values in
// it are shared and not to be changed.
func (m *Manifest) Entries() []Entry { return slices.Clone(m.entries) }

// Lookup finds the entry at path, "" for the root.
func (m *Manifest) Lookup(path string) (Entry, bool) {
	i, ok := m.find(path)
	if !ok {
		return Entry{}, false
	}
	return m.entries[i], true
}

func (m *Manifest) find(path string) (int, bool) {
	return slices.BinarySearchFunc(m.entries, path, func(e Entry, path string) int {
		return strings.Compare(e.Path, path)
	})
}
