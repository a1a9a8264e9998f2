package bootcheck

import (
	"path"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// maxLinks is how many symbolic links Linux follows in one path (MAXSYMLINKS).
const maxLinks = 40

// lookup finds what p leads to in m: through symbolic and hard links, and never
// out of m.
func lookup(m *manifest.Manifest, p string) (manifest.Entry, bool) {
	at := "" // the directory that has been reached
	rest := strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		e, ok := m.Lookup(path.Join("/", at, name)[1:])
		switch {
		case !ok || links > maxLinks:
			return manifest.Entry{}, false
		case e.Type != manifest.Symlink:
			at = e.Path
			continue
		case path.IsAbs(e.Target):
			at = ""
		}
		links++
		rest = append(strings.Split(e.Target, "/"), rest...)
	}
	e, ok := m.Lookup(at)
	if ok && e.Type == manifest.Link {
		return m.Lookup(e.Target)
	}
	return e, ok
}
