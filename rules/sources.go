package rules

import (
	"fmt"
	"strings"
)

// What makes a target sources, and what of a package names them.
const (
	SourceProvider  = "SourceInfo" // of what is sources
	SourceAttribute = "src"        // of what is compiled from such
)

// LocalSource is a directory that stands in the place of sources.
type LocalSource struct {
	Name    string // of the target
	Dir     string // label of the directory, relative to the build directory
	Version string // of what it stands for
}

// LocalSources is a build file that declares sources.
func LocalSources(sources []LocalSource) string {
	var b strings.Builder
	fmt.Fprintf(&b, "load(\"@%s//source:defs.star\", \"local_source\")\n\npackage(default_visibility = [\"//visibility:public\"])\n", Repo)
	for _, s := range sources {
		fmt.Fprintf(&b, "\nlocal_source(\n    name = %q,\n    src = %q,\n    version = %q,\n)\n", s.Name, s.Dir, s.Version)
	}
	return b.String()
}
