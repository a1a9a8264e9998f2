package manifest

import (
	"fmt"
	"strings"
)

// Limits of Linux: linux/limits.h (NAME_MAX, PATH_MAX, XATTR_NAME_MAX,
// XATTR_SIZE_MAX) and linux/kdev_t.h (MINORBITS). Path and symbolic link leave
// room for the final NUL, a path also for its leading slash.
const (
	maxName       = 255
	maxPath       = 4094
	maxSymlink    = 4095
	maxXattrName  = 255
	maxXattrValue = 65536
	maxMajor      = 1<<12 - 1
	maxMinor      = 1<<20 - 1
	invalidID     = 1<<32 - 1 // (uid_t)-1 means "leave it" to chown
)

// A problem is what is wrong with the entry at index.
type problem struct {
	index int
	err   error
}

// problems holds the sorted entries against the rules, at most one problem an
// entry.
func (m *Manifest) problems() []problem {
	if len(m.entries) == 0 || m.entries[0].Path != "" {
		return []problem{{0, fmt.Errorf("no root directory: want an entry with the path %q", "/")}}
	}
	var found []problem
	for i, e := range m.entries {
		err := m.check(i, e)
		if err != nil {
			found = append(found, problem{i, fmt.Errorf("%s: %w", showPath(e.Path), err)})
		}
	}
	return found
}

func (m *Manifest) check(i int, e Entry) error {
	if i > 0 && m.entries[i-1].Path == e.Path {
		return fmt.Errorf("listed twice, from %s and from %s", showOrigin(m.entries[i-1]), showOrigin(e))
	}
	if err := m.checkPath(e); err != nil {
		return err
	}
	if err := m.checkType(e); err != nil {
		return err
	}
	if err := checkAbsent(e); err != nil {
		return err
	}
	if e.Mode > 0o7777 {
		return fmt.Errorf("mode %#o: want at most 07777", e.Mode)
	}
	if e.UID == invalidID || e.GID == invalidID {
		return fmt.Errorf("owner %d:%d: %d is no user or group", e.UID, e.GID, uint32(invalidID))
	}
	return checkXattrs(e.Xattrs)
}

func (m *Manifest) checkPath(e Entry) error {
	if e.Path == "" {
		if e.Type != Directory {
			return fmt.Errorf("the root is a %s, want a directory", e.Type)
		}
		return nil
	}
	if len(e.Path) > maxPath {
		return fmt.Errorf("path of %d bytes, want at most %d", len(e.Path), maxPath)
	}
	for name := range strings.SplitSeq(e.Path, "/") {
		if err := checkName(name); err != nil {
			return err
		}
	}
	parent := parentOf(e.Path)
	i, ok := m.find(parent)
	if !ok {
		return fmt.Errorf("its directory %s is not in the manifest", showPath(parent))
	}
	if got := m.entries[i].Type; got != Directory {
		return fmt.Errorf("%s is a %s, want a directory", showPath(parent), got)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("path component %q: want a clean path without a leading or trailing slash", name)
	case len(name) > maxName:
		return fmt.Errorf("name of %d bytes, want at most %d", len(name), maxName)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("NUL in a name")
	}
	return nil
}

// parentOf is the path of the directory that holds path.
func parentOf(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

func (m *Manifest) checkType(e Entry) error {
	switch e.Type {
	case File:
		if e.Digest.IsZero() {
			return fmt.Errorf("file without a digest")
		}
	case Symlink:
		return checkSymlink(e)
	case Link:
		return m.checkLink(e)
	case Char, Block:
		if e.Major > maxMajor || e.Minor > maxMinor {
			return fmt.Errorf("device %d:%d: want at most %d:%d", e.Major, e.Minor, maxMajor, maxMinor)
		}
	case Directory, FIFO, Socket:
	default:
		return fmt.Errorf("%s, want one of f d l h c b p s", e.Type)
	}
	return nil
}

func checkSymlink(e Entry) error {
	if n := len(e.Target); n < 1 || n > maxSymlink {
		return fmt.Errorf("symbolic link to %d bytes, want 1 to %d", n, maxSymlink)
	}
	if strings.IndexByte(e.Target, 0) >= 0 {
		return fmt.Errorf("NUL in the target of a symbolic link")
	}
	if e.Mode != 0o777 {
		return fmt.Errorf("symbolic link with mode %#o, want 0777 (Linux has no other)", e.Mode)
	}
	return nil
}

func (m *Manifest) checkLink(e Entry) error {
	i, ok := m.find(e.Target)
	if !ok {
		return fmt.Errorf("hard link to %s, which is not in the manifest", showPath(e.Target))
	}
	if got := m.entries[i].Type; got != File {
		return fmt.Errorf("hard link to %s, which is a %s, want a file", showPath(e.Target), got)
	}
	if e.Mode != 0 || e.UID != 0 || e.GID != 0 || len(e.Xattrs) > 0 {
		return fmt.Errorf("hard link with mode, owner or attributes of its own; set them on %s", showPath(e.Target))
	}
	return nil
}

// checkAbsent refuses fields that the entry's type has no use for.
func checkAbsent(e Entry) error {
	if e.Type != File && !e.Digest.IsZero() {
		return fmt.Errorf("%s with a digest", e.Type)
	}
	if e.Type != Symlink && e.Type != Link && e.Target != "" {
		return fmt.Errorf("%s with a target", e.Type)
	}
	if !e.Type.IsDevice() && (e.Major != 0 || e.Minor != 0) {
		return fmt.Errorf("%s with device numbers", e.Type)
	}
	return nil
}

func checkXattrs(xattrs []Xattr) error {
	for i, x := range xattrs {
		if n := len(x.Name); n < 1 || n > maxXattrName || strings.IndexByte(x.Name, 0) >= 0 {
			return fmt.Errorf("attribute name %q: want 1 to %d bytes without NUL", x.Name, maxXattrName)
		}
		if i > 0 && xattrs[i-1].Name == x.Name {
			return fmt.Errorf("attribute %s is set twice", x.Name)
		}
		if len(x.Value) > maxXattrValue {
			return fmt.Errorf("attribute %s of %d bytes, want at most %d", x.Name, len(x.Value), maxXattrValue)
		}
	}
	return nil
}

func showPath(path string) string { return "/" + escape(path, "") }

func showOrigin(e Entry) string {
	if e.Origin == "" {
		return "an unnamed target"
	}
	return e.Origin
}
