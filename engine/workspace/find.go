package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Find is the root of the workspace that dir lies in: the nearest directory at
// or above dir whose BuildFile calls workspace(...) at top level.
func Find(dir string) (root string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for d := abs; ; d = filepath.Dir(d) {
		text, err := os.ReadFile(filepath.Join(d, BuildFile))
		if err == nil && declaresWorkspace(string(text)) {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s: no %s that calls workspace(...) here or in a directory above", abs, BuildFile)
		}
	}
}

// BuildDirectories are the build directories of repo at and below prefix,
// sorted by their parts. Skipped are names that begin with a dot, the directory
// out in the root, and workspaces inside this one.
func (w *Workspace) BuildDirectories(ctx context.Context, repo, prefix string) ([]string, error) {
	r, err := w.repo(repo)
	if err != nil {
		return nil, err
	}
	var found []string
	visit := func(p string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return r.tidy(p, err)
		case !e.IsDir():
			return nil
		case p != "." && (strings.HasPrefix(e.Name(), ".") || ignored(e.Name()) || p == "out"):
			return fs.SkipDir
		}
		dir := strings.TrimPrefix(p, ".")
		if !r.isBuildDirectory(dir) {
			return nil
		}
		if dir != "" && r.isWorkspace(dir) {
			return fs.SkipDir
		}
		found = append(found, dir)
		return nil
	}
	if err := fs.WalkDir(r.files, clean(prefix), visit); err != nil {
		return nil, err
	}
	return found, nil
}

// isWorkspace reports whether the BuildFile in dir declares a workspace of its
// own.
func (r repo) isWorkspace(dir string) bool {
	text, err := fs.ReadFile(r.files, path.Join(dir, BuildFile))
	return err == nil && declaresWorkspace(string(text))
}

// declaresWorkspace reports whether a Starlark file calls workspace(...) as a
// statement at top level. It skips comments and strings and looks for the word
// in the first column, outside of brackets, with a bracket behind it.
func declaresWorkspace(text string) bool {
	depth, atStart := 0, true
	for text != "" {
		if atStart && depth == 0 && callsWorkspace(text) {
			return true
		}
		n := 1
		switch text[0] {
		case '#':
			n = lineLength(text)
		case '"', '\'':
			n = stringLength(text)
		case '\\':
			n = min(2, len(text))
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		atStart = text[0] == '\n'
		text = text[n:]
	}
	return false
}

func callsWorkspace(text string) bool {
	rest, ok := strings.CutPrefix(text, "workspace")
	return ok && strings.HasPrefix(strings.TrimLeft(rest, " \t"), "(")
}

func lineLength(text string) int {
	if i := strings.IndexByte(text, '\n'); i > 0 {
		return i
	}
	return len(text)
}

// stringLength is the length of the string literal that text begins with. One
// that is not closed ends with its line, or with the text if it is triple
// quoted.
func stringLength(text string) int {
	quote, multiline := text[:1], false
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text, triple) {
		quote, multiline = triple, true
	}
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\n' && !multiline:
			return i
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		}
	}
	return len(text)
}
