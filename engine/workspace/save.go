package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Save makes content the source file at p, which need not exist, as a whole or not
// at all. changed is false if it was that already. Of the repositories only the
// workspace itself can be written to, and no symbolic link leads out of it.
func (w *Workspace) Save(repo, p string, content []byte) (changed bool, err error) {
	if repo != "" {
		return false, fmt.Errorf("%s: only files of the workspace itself can be changed", w.Display(repo, p))
	}
	file, err := w.real(p)
	if err != nil {
		return false, err
	}
	mode := fs.FileMode(0o644)
	info, err := os.Stat(file)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return false, fmt.Errorf("%s: got a %s, want a file", p, describe(info.Mode()))
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	return Replace(file, content, mode)
}

// real is the file that p means, with all symbolic links followed. The last part
// of it need not exist.
func (w *Workspace) real(p string) (string, error) {
	root, err := filepath.EvalSymlinks(w.root)
	if err != nil {
		return "", err
	}
	file := filepath.Join(w.root, filepath.FromSlash(p))
	if _, err = os.Lstat(file); err == nil {
		file, err = filepath.EvalSymlinks(file)
	} else if errors.Is(err, fs.ErrNotExist) {
		var dir string
		dir, err = filepath.EvalSymlinks(filepath.Dir(file))
		file = filepath.Join(dir, filepath.Base(file))
	}
	if err != nil {
		return "", w.repos[""].tidy(p, err)
	}
	if rel, err := filepath.Rel(root, file); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s: a symbolic link leads out of the workspace, to %s", p, file)
	}
	return file, nil
}

// Replace makes content the file of that path, in a workspace or not: there is the
// old one or the new one, whole. changed is false if it was that already.
func Replace(file string, content []byte, mode fs.FileMode) (changed bool, err error) {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, content) {
		return false, nil
	}
	return true, replace(file, content, mode)
}

// replace writes a file beside the old one and renames it.
func replace(file string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*~") // which no glob has
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
