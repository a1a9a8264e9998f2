package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/label"
)

// BuildFile is the name of the file that makes a directory a build directory.
const BuildFile = "APPLIANCE.star"

// maxSourceSize bounds what ReadFile reads: a Starlark file of more bytes is a
// mistake, and the parser's recursion is bounded by it.
const maxSourceSize = 1 << 20

// Options are what a Workspace is opened with.
type Options struct {
	// Embedded are repositories that live in the program, by name.
	Embedded map[string]fs.FS

	// StatCache is a file that keeps digests of source files between runs; ""
	// keeps them in memory only.
	StatCache string

	// Now is the clock that digests are recorded by; nil is time.Now.
	Now func() time.Time
}

// Workspace reads the sources of a build. It may be used by many goroutines
// once all layers were added.
type Workspace struct {
	root  string
	repos map[string]repo
	stats *statCache
}

// repo is one root of files.
type repo struct {
	files   fs.FS
	root    string // on disk; "" when embedded
	display string // what goes in front of a path in messages
}

// Open opens the workspace whose root directory is root.
func Open(root string, opts Options) (*Workspace, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("workspace %s: not a directory", root)
	}
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	w := &Workspace{abs, map[string]repo{"": {os.DirFS(abs), abs, ""}}, loadStatCache(opts.StatCache, now)}
	for name, files := range opts.Embedded {
		w.repos[name] = repo{files, "", "@" + name + "//"}
	}
	return w, nil
}

// LayerRoot is the directory dir, relative to the root of repo or absolute, as an
// absolute path. It must be one that can be a layer.
func (w *Workspace) LayerRoot(repo, dir string) (string, error) {
	r, err := w.repo(repo)
	if err != nil {
		return "", err
	}
	abs := filepath.FromSlash(dir)
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(r.root, abs)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, withoutPath(err))
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s: not a directory", dir)
	}
	if info, err = os.Stat(filepath.Join(abs, BuildFile)); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: no %s there", dir, BuildFile)
	}
	return abs, nil
}

// withoutPath is the reason alone: the path is named beside it.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// SameRoot reports whether two paths lead to one directory.
func SameRoot(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// AddLayer makes a directory, an absolute path, known as repository name. Its
// files are shown by their path from the workspace's root.
func (w *Workspace) AddLayer(name, dir string) error {
	display := dir + "/"
	if rel, err := filepath.Rel(w.root, dir); err == nil {
		display = rel + "/"
	}
	return w.add(name, dir, display)
}

// AddArchive is AddLayer for a directory that is nobody's to edit: its files are
// shown as "@name//path".
func (w *Workspace) AddArchive(name, dir string) error {
	return w.add(name, dir, "@"+name+"//")
}

func (w *Workspace) add(name, dir, display string) error {
	if r, ok := w.repos[name]; ok && r.root == "" {
		return fmt.Errorf("@%s is a part of this program", name)
	} else if ok {
		return fmt.Errorf("there is a repository @%s already", name)
	}
	w.repos[name] = repo{os.DirFS(dir), dir, display}
	return nil
}

// Root is the main repository's directory, absolute.
func (w *Workspace) Root() string { return w.root }

// Repos are the names of all repositories, sorted; the first is "".
func (w *Workspace) Repos() []string {
	names := make([]string, 0, len(w.repos))
	for name := range w.repos {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Display is the path of a file as messages show it: relative to the
// workspace's root where that is possible, "@repo//path" for an embedded file.
func (w *Workspace) Display(repo, p string) string {
	if r, ok := w.repos[repo]; ok {
		return r.show(p)
	}
	return "@" + repo + "//" + p
}

// Locate is the path on disk of a source file, absolute; ok is false for an
// embedded one.
func (w *Workspace) Locate(repo, p string) (abs string, ok bool) {
	root, rest, ok := w.repos[repo].locate(p)
	return filepath.Join(root, filepath.FromSlash(rest)), ok
}

// locate is the directory on disk that the file at p lies in, and what is left of
// its path.
func (r repo) locate(p string) (root, rest string, ok bool) {
	if a, assembled := r.files.(assembly); assembled {
		return a.locate(p)
	}
	return r.root, p, r.root != ""
}

// show is the path of a file as messages show it.
func (r repo) show(p string) string {
	if a, ok := r.files.(assembly); ok {
		if dir, rest, ok := a.locate(p); ok {
			return filepath.Join(dir, filepath.FromSlash(rest))
		}
	}
	return r.display + p
}

// repo finds a repository by name.
func (w *Workspace) repo(name string) (repo, error) {
	if r, ok := w.repos[name]; ok {
		return r, nil
	}
	err := fmt.Errorf("no repository @%s", name)
	if near := label.Nearest(name, w.Repos()); near != "" {
		err = fmt.Errorf("%w; did you mean @%s?", err, near)
	}
	return repo{}, err
}

// HasRepo reports whether there is a repository of this name.
func (w *Workspace) HasRepo(name string) bool {
	_, ok := w.repos[name]
	return ok
}

// ReadFile is the content of a Starlark file: a regular file of at most 1 MiB.
func (w *Workspace) ReadFile(repo, p string) ([]byte, error) {
	r, err := w.repo(repo)
	if err != nil {
		return nil, err
	}
	info, err := r.stat(p)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: got a %s, want a file", r.show(p), describe(info.Mode()))
	case info.Size() > maxSourceSize:
		return nil, fmt.Errorf("%s: got %d bytes, want at most %d", r.show(p), info.Size(), maxSourceSize)
	}
	return fs.ReadFile(r.files, p)
}

// stat follows symbolic links. Its errors name the path once and nothing of
// the machine.
func (r repo) stat(p string) (fs.FileInfo, error) {
	info, err := fs.Stat(r.files, clean(p))
	return info, r.tidy(p, err)
}

// tidy replaces the path in an error of the file system by the one shown.
func (r repo) tidy(p string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", r.show(p), pe.Err)
	}
	return err
}

// clean turns the empty path into the one that io/fs wants for the root.
func clean(p string) string {
	if p == "" {
		return "."
	}
	return p
}

// Exists reports whether there is a file or directory at p.
func (w *Workspace) Exists(repo, p string) bool {
	r, err := w.repo(repo)
	if err != nil {
		return false
	}
	_, err = r.stat(p)
	return err == nil
}

// IsDir reports whether there is a directory at p.
func (w *Workspace) IsDir(repo, p string) bool {
	r, err := w.repo(repo)
	if err != nil {
		return false
	}
	info, err := r.stat(p)
	return err == nil && info.IsDir()
}

// IsBuildDirectory reports whether dir holds a BuildFile.
func (w *Workspace) IsBuildDirectory(repo, dir string) bool {
	r, err := w.repo(repo)
	return err == nil && r.isBuildDirectory(dir)
}

func (r repo) isBuildDirectory(dir string) bool {
	if _, ok := r.files.(assembly); ok {
		return dir == ""
	}
	info, err := r.stat(path.Join(dir, BuildFile))
	return err == nil && info.Mode().IsRegular()
}

// BuildDirectoryOf is the build directory that the file at p belongs to: the
// nearest one above it; ok is false if there is none.
func (w *Workspace) BuildDirectoryOf(repo, p string) (dir string, ok bool) {
	r, err := w.repo(repo)
	if err != nil {
		return "", false
	}
	for dir = parent(p); ; dir = parent(dir) {
		if r.isBuildDirectory(dir) {
			return dir, true
		}
		if dir == "" {
			return "", false
		}
	}
}

func parent(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}

// Names are the files and directories directly in dir, sorted, for hints. A
// directory that cannot be read has none.
func (w *Workspace) Names(repo, dir string) []string {
	r, err := w.repo(repo)
	if err != nil {
		return nil
	}
	entries, _ := fs.ReadDir(r.files, clean(dir))
	var names []string
	for _, e := range entries {
		if !ignored(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// ignored are the names that no glob and no source tree ever has: version
// control's own data, and editors' backups, locks and swap files.
func ignored(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".bzr", "CVS", ".jj", ".DS_Store":
		return true
	}
	swap, _ := path.Match(".*.sw?", name)
	return swap || strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#")
}

func describe(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsRegular():
		return "file"
	}
	return "special file"
}
