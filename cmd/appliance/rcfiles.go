package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
)

// workspaceVariable starts the path of an import that is relative to the root of
// the workspace.
const workspaceVariable = "%workspace%"

// rcReader collects the lines of rc files, with those of imported ones in the
// place of the import.
type rcReader struct {
	workspace string   // absolute root, "" outside of a workspace
	open      []string // files being read, outermost first
	lines     []rcLine
	problems  diag.List
}

// readRC reads the rc files of a run in the order in which they count: that of the
// home directory, that of the workspace, those of --rc.
func (p *program) readRC(workspace string, startup globalFlags) ([]rcLine, error) {
	r := &rcReader{workspace: workspace}
	var standard []string
	for _, dir := range []string{p.env["HOME"], workspace} {
		if dir != "" && !startup.noRC {
			standard = append(standard, filepath.Join(dir, rcName))
		}
	}
	for _, file := range slices.Compact(standard) {
		r.read(file, diag.Position{}, true)
	}
	for _, file := range startup.rc {
		r.read(p.path(file), diag.Position{File: "--rc " + file}, false)
	}
	return r.lines, r.problems.Err()
}

// read takes in a file that is named at a position. Only an optional one may be
// missing.
func (r *rcReader) read(file string, from diag.Position, optional bool) {
	if slices.Contains(r.open, file) {
		cycle := append(slices.Clone(r.open[slices.Index(r.open, file):]), file)
		r.problems.Add(diag.Errorf(from, "", "import cycle: %s", strings.Join(cycle, " -> ")))
		return
	}
	text, err := os.ReadFile(file)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.problems.Add(diag.Errorf(from, "", "read rc file: %w", err))
		return
	}
	lines, err := parseRC(file, string(text))
	r.problems.Add(err)
	r.open = append(r.open, file)
	for _, line := range lines {
		r.take(line)
	}
	r.open = r.open[:len(r.open)-1]
}

func (r *rcReader) take(line rcLine) {
	if line.command != "import" && line.command != "try-import" {
		r.lines = append(r.lines, line)
		return
	}
	if len(line.words) != 1 || line.config != "" {
		r.problems.Add(diag.Errorf(line.position, "", "want %s FILE", line.command))
		return
	}
	file, problem := r.resolve(line.words[0], filepath.Dir(line.position.File))
	if problem != "" {
		r.problems.Add(diag.Errorf(line.position, "", "%s %s: %s", line.command, line.words[0], problem))
		return
	}
	r.read(file, line.position, line.command == "try-import")
}

// resolve finds an imported file; a relative path starts at the file that
// imports it.
func (r *rcReader) resolve(file, dir string) (resolved, problem string) {
	if rest, ok := strings.CutPrefix(file, workspaceVariable); ok {
		if r.workspace == "" {
			return "", "there is no workspace here"
		}
		return filepath.Join(r.workspace, rest), ""
	}
	if filepath.IsAbs(file) {
		return filepath.Clean(file), ""
	}
	return filepath.Join(dir, file), ""
}
