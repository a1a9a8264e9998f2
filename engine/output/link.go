package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is the out/ directory of a workspace.
type Dir struct{ root string }

// At is the output directory at root, which need not exist yet.
func At(root string) Dir { return Dir{root} }

// Link makes out/path a symbolic link to target and returns its name. A link
// that is there is replaced in one step; a file or directory that somebody put
// there is an error, not lost.
func (d Dir) Link(path, target string) (string, error) {
	name := filepath.Join(d.root, filepath.FromSlash(path))
	if old, err := os.Readlink(name); err == nil && old == target {
		return name, nil
	}
	if err := d.makeParents(filepath.Dir(name)); err != nil {
		return "", err
	}
	if err := makeWay(name); err != nil {
		return "", err
	}
	fresh := fmt.Sprintf("%s.%d.new", name, os.Getpid())
	if err := os.Symlink(target, fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, name); err != nil {
		os.Remove(fresh)
		return "", err
	}
	return name, nil
}

// makeWay removes an empty directory, which held outputs of an earlier layout.
// Anything else that is no link stays and is an error.
func makeWay(name string) error {
	info, err := os.Lstat(name)
	if err != nil || info.Mode().Type() == fs.ModeSymlink {
		return nil
	}
	if info.IsDir() && os.Remove(name) == nil {
		return nil
	}
	return fmt.Errorf("%s is in the way of an output: it is no link; move it away", name)
}

// makeParents makes dir; a link of an earlier build that stands where a
// directory must be is removed.
func (d Dir) makeParents(dir string) error {
	for at := dir; len(at) > len(d.root); at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err == nil && info.Mode().Type() == fs.ModeSymlink {
			if err := os.Remove(at); err != nil {
				return err
			}
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// Clean removes every link, and every directory that is empty then. It counts
// the files that stay because no build made them.
func (d Dir) Clean() (left int, err error) {
	entries, err := os.ReadDir(d.root)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		at := filepath.Join(d.root, e.Name())
		switch {
		case e.IsDir():
			n, err := At(at).Clean()
			if err != nil {
				return left, err
			}
			left += n
		case e.Type() == fs.ModeSymlink:
			if err := os.Remove(at); err != nil {
				return left, err
			}
		default:
			left++
		}
	}
	if left > 0 {
		return left, nil
	}
	return 0, os.Remove(d.root)
}
