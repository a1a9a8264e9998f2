package main

import (
	"path/filepath"

	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// place is where in which workspace a run is.
type place struct {
	root string      // of the workspace, absolute
	base label.Label // some target of the build directory that we are in
}

// findPlace finds the workspace around the directory of the run.
func (p *program) findPlace() (place, error) {
	root, err := workspace.Find(p.dir)
	if err != nil {
		return place{}, &usageError{err}
	}
	rel, err := filepath.Rel(root, p.dir)
	if err != nil {
		return place{}, err
	}
	if rel == "." {
		rel = ""
	}
	base, err := label.New("", filepath.ToSlash(rel), "all")
	if err != nil {
		return place{}, usagef("this directory cannot hold targets: %w", err)
	}
	return place{root, base}, nil
}

// output is the directory that --output names, absolute.
func (w place) output(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(w.root, name)
}
