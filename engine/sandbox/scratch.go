package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveScratch removes a scratch directory and all that commands left in it,
// also where they (or overlayfs, whose work directory has mode 0) took the
// permission to do so away. A directory that does not exist is no error.
func RemoveScratch(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	// WalkDir calls us before it reads a directory.
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
