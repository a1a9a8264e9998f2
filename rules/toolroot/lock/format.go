package lock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The names that a lock file assigns.
const (
	nameWanted  = "ASKED"
	nameExclude = "WITHOUT"
	nameArch    = "ARCHITECTURE"
	nameSources = "SOURCES"
	namePackage = "LOCK"
)

const advice = "Written by `appliance lock`. Change ASKED or WITHOUT and run it again."

// defaultMirror is left out of the rows of packages.
const defaultMirror = "debian"

// row is a package as a lock file has it.
type row struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Mirror  string `json:"mirror,omitempty"`
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
}

// sourceRow is a source as a lock file has it.
type sourceRow struct {
	Mirror     string    `json:"mirror"`
	Suite      string    `json:"suite"`
	Components []string  `json:"components"`
	Date       time.Time `json:"date"`
}

// Format prints l as a Starlark file. It assigns LOCK, a list of dictionaries
// with the keys name, version, path, sha256, size and, unless it is debian,
// mirror; and how that came about: ASKED, WITHOUT, ARCHITECTURE, SOURCES. Each
// element is one line, in JSON, which is Starlark as well.
func Format(l *Lock) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\"\"\"%s\n\n%s\n\"\"\"\n", l.Title, advice)
	b.WriteString("\n# Names whose closure of dependencies this is.\n")
	list(&b, nameWanted, l.Request.Wanted)
	b.WriteString("\n# Names that are left out of it, with what only they need.\n")
	list(&b, nameExclude, l.Request.Exclude)
	fmt.Fprintf(&b, "\n# Where they are from, and the date of the indices.\n%s = %s\n\n", nameArch, line(l.Request.Arch))
	sources := make([]sourceRow, len(l.Sources))
	for i, s := range l.Sources {
		sources[i] = sourceRow{s.Mirror, s.Suite, s.Components, s.Date}
	}
	list(&b, nameSources, sources)
	b.WriteString("\n")
	rows := make([]row, len(l.Packages))
	for i, p := range l.Packages {
		rows[i] = row{p.Name, p.Version, p.Mirror, p.Path, p.Digest.Hex(), p.Digest.Size()}
		if p.Mirror == defaultMirror {
			rows[i].Mirror = ""
		}
	}
	list(&b, namePackage, rows)
	return b.Bytes()
}

func list[T any](b *bytes.Buffer, name string, elements []T) {
	if len(elements) == 0 {
		fmt.Fprintf(b, "%s = []\n", name)
		return
	}
	fmt.Fprintf(b, "%s = [\n", name)
	for _, e := range elements {
		fmt.Fprintf(b, "    %s,\n", line(e))
	}
	b.WriteString("]\n")
}

// line is v on one line in JSON, with the blanks that buildifier wants.
func line(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		panic("bug: " + err.Error())
	}
	return joinLines.Replace(strings.TrimSuffix(b.String(), "\n"))
}

// joinLines makes one line of indented JSON, whose strings hold no newlines.
var joinLines = strings.NewReplacer(",\n  ", ", ", ",\n ", ", ", "{\n ", "{", "\n}", "}", "[\n  ", "[", "\n ]", "]")
