package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// Glob is a question for files of one build directory.
type Glob struct {
	Include     []string // doublestar patterns, relative to the build directory
	Exclude     []string // taken away again
	Directories bool     // directories count as well as files
}

// Glob lists what g means in build directory dir: paths relative to it, sorted,
// each once. "*" and "**" match names that begin with a dot, as in Bazel.
// Directories that are build directories themselves, and version control's own,
// are not entered.
func (w *Workspace) Glob(ctx context.Context, repo, dir string, g Glob) ([]string, error) {
	r, err := w.repo(repo)
	if err != nil {
		return nil, err
	}
	for _, pattern := range slices.Concat(g.Include, g.Exclude) {
		if err := checkPattern(pattern); err != nil {
			return nil, err
		}
	}
	found := map[string]bool{}
	for _, pattern := range g.Include {
		if err := r.match(ctx, dir, pattern, g, found); err != nil {
			return nil, err
		}
	}
	paths := make([]string, 0, len(found))
	for p := range found {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths, nil
}

func checkPattern(pattern string) error {
	switch {
	case !doublestar.ValidatePattern(pattern):
		return fmt.Errorf("glob pattern %q: not a valid pattern", pattern)
	case path.IsAbs(pattern), path.Clean(pattern) != pattern, pattern == "..", strings.HasPrefix(pattern, "../"):
		return fmt.Errorf("glob pattern %q: want a clean path relative to the build directory", pattern)
	}
	return nil
}

// match adds what pattern means to found. It walks only the part of the tree
// below the pattern's first special character.
func (r repo) match(ctx context.Context, dir, pattern string, g Glob, found map[string]bool) error {
	base, _ := doublestar.SplitPattern(pattern)
	if !r.inside(dir, base) {
		return nil
	}
	start := path.Join(dir, base)
	err := fs.WalkDir(r.files, clean(start), func(p string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
		if p == clean(dir) {
			return nil
		}
		if ignored(e.Name()) || e.IsDir() && (p == "out" || r.isBuildDirectory(p)) {
			return skip(e)
		}
		if !r.counts(p, e, g.Directories) || !doublestar.MatchUnvalidated(pattern, rel) || excluded(g.Exclude, rel) {
			return nil
		}
		if !utf8.ValidString(rel) {
			return fmt.Errorf("glob pattern %q: name %q is not UTF-8; rename it", pattern, rel)
		}
		found[rel] = true
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// inside reports whether no directory on the way from dir down to base is a
// build directory of its own.
func (r repo) inside(dir, base string) bool {
	for b := base; b != "." && b != ""; b = parent(b) {
		if r.isBuildDirectory(path.Join(dir, b)) {
			return false
		}
	}
	return true
}

func skip(e fs.DirEntry) error {
	if e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// counts reports whether an entry is of a sort that was asked for. A symbolic
// link is what it points to.
func (r repo) counts(p string, e fs.DirEntry, directories bool) bool {
	mode := e.Type()
	if mode&fs.ModeSymlink != 0 {
		info, err := r.stat(p)
		if err != nil {
			return false
		}
		mode = info.Mode()
	}
	return mode.IsRegular() || directories && mode.IsDir()
}

func excluded(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, p) })
}
