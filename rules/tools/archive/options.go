package archive

import (
	"fmt"
	"path"

	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// Options say which part of an archive is wanted. The zero Options take all of
// it.
type Options struct {
	// StripPrefix is the directory of the archive that becomes the root of the
	// tree. An entry outside of it is an error.
	StripPrefix string

	// StripComponents is how many leading directories are taken off each name.
	// They must be the same ones for all entries. Not together with StripPrefix.
	StripComponents int

	// Selection is the wanted paths, after stripping.
	Selection trees.Selection

	// AllowEscapingLinks keeps symbolic links that are absolute or climb out of
	// the tree.
	AllowEscapingLinks bool

	Limits Limits
}

// Limits end the unpacking of an archive that is not what it seems. A zero
// field is its default.
type Limits struct {
	Bytes   int64 // of the unpacked archive; default 64 GiB
	Entries int   // default 4 million
	Ratio   int64 // unpacked to packed bytes, above the first GiB; default 1000
}

const (
	defaultBytes   = 64 << 30
	defaultEntries = 4 << 20
	defaultRatio   = 1000

	// ratioFloor is the size up to which any ratio will do: a small archive of
	// zeros is no danger.
	ratioFloor = 1 << 30
)

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = defaultBytes
	}
	if l.Entries == 0 {
		l.Entries = defaultEntries
	}
	if l.Ratio == 0 {
		l.Ratio = defaultRatio
	}
	return l
}

// bytes is how much an archive of size packed bytes may unpack to, also in words.
func (l Limits) bytes(size int64) (limit int64, words string) {
	byRatio := max(ratioFloor, saturate(size, l.Ratio))
	if byRatio < l.Bytes {
		return byRatio, fmt.Sprintf("%d bytes, suspiciously much for one of %d bytes", byRatio, size)
	}
	return l.Bytes, fmt.Sprintf("the limit of %d bytes", l.Bytes)
}

func saturate(a, b int64) int64 {
	if a > 0 && b > (1<<62)/a {
		return 1 << 62
	}
	return a * b
}

func (o Options) check() error {
	switch {
	case o.StripPrefix != "" && o.StripComponents != 0:
		return fmt.Errorf("strip_prefix and strip_components: want one of them")
	case o.StripComponents < 0:
		return fmt.Errorf("strip_components: got %d, want 0 or more", o.StripComponents)
	case o.Limits.Bytes < 0 || o.Limits.Entries < 0 || o.Limits.Ratio < 0:
		return fmt.Errorf("limits: negative")
	case o.StripPrefix == "":
		return nil
	}
	if p, err := cleanName(o.StripPrefix); err != nil || p != o.StripPrefix || path.IsAbs(p) {
		return fmt.Errorf("strip_prefix %q: want a clean relative path", o.StripPrefix)
	}
	return nil
}
