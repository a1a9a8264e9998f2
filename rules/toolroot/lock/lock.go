package lock

import (
	"maps"
	"slices"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Lock is a closure of packages and how it came about.
type Lock struct {
	Title    string // one line for people
	Request  Request
	Sources  []LockedSource
	Packages []Locked // sorted by name
}

// LockedSource is a source as it was when the lock was made.
type LockedSource struct {
	Source
	Date time.Time // of the Release file; UTC, whole seconds
}

// Locked is one package. Its URL is mirror://MIRROR/PATH.
type Locked struct {
	Name, Version string
	Mirror, Path  string
	Digest        digest.Digest
}

func newLock(indexes []*Index, request Request, chosen map[string]*candidate) *Lock {
	l := &Lock{
		Title:   "Debian packages, pinned.",
		Request: Request{request.Arch, unique(request.Wanted), unique(request.Exclude)},
	}
	for _, i := range indexes {
		l.Sources = append(l.Sources, LockedSource{i.Source, i.Date.UTC().Truncate(time.Second)})
	}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		c := chosen[name]
		l.Packages = append(l.Packages, Locked{c.Name, c.Version, c.mirror, c.Path, c.Digest})
	}
	return l
}

func unique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
