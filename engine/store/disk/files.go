package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Time is the modification time of everything in the store. Zip archives cannot
// say anything before 1980.
var Time = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	plainMode   = 0o444
	programMode = 0o555
	dirMode     = 0o755 // the owner can delete
)

// files is every change that this package makes to the file system. Tests make
// it fail.
type files struct {
	fault func(op string) error // nil outside of tests
}

func (f *files) do(op, path string, act func() error) error {
	if f.fault != nil {
		if err := f.fault(op); err != nil {
			return &fs.PathError{Op: op, Path: path, Err: err}
		}
	}
	return act()
}

func (f *files) create(path string) (*os.File, error) {
	var file *os.File
	err := f.do("create", path, func() (err error) {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	return file, err
}

func (f *files) write(file *os.File, p []byte) (n int, err error) {
	err = f.do("write", file.Name(), func() (err error) {
		n, err = file.Write(p)
		return err
	})
	return n, err
}

func (f *files) mkdir(path string) error {
	return f.do("mkdir", path, func() error { return os.Mkdir(path, dirMode) })
}

func (f *files) symlink(target, path string) error {
	return f.do("symlink", path, func() error { return os.Symlink(target, path) })
}

func (f *files) link(from, to string) error {
	return f.inShard("link", to, func() error { return os.Link(from, to) })
}

func (f *files) rename(from, to string) error {
	return f.inShard("rename", to, func() error { return unixRename(from, to) })
}

// unixRename is rename(2). os.Rename refuses to look at what a directory would
// replace in the way that rename(2) does.
func unixRename(from, to string) error {
	if err := unix.Rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// inShard makes the directory that to is in when it turns out not to exist.
func (f *files) inShard(op, to string, act func() error) error {
	err := f.do(op, to, act)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.do("mkdir", to, func() error { return os.MkdirAll(filepath.Dir(to), dirMode) }); err != nil {
		return err
	}
	return f.do(op, to, act)
}

// seal gives a file or directory its final mode and times; used is when it was
// last used.
func (f *files) seal(path string, mode fs.FileMode, used time.Time) error {
	err := f.do("chmod", path, func() error { return os.Chmod(path, mode) })
	if err != nil {
		return err
	}
	return f.times(path, used, Time)
}

// times sets the access and the modification time, of a link itself.
func (f *files) times(path string, access, modification time.Time) error {
	return f.do("times", path, func() error {
		ts := []unix.Timespec{unix.NsecToTimespec(access.UnixNano()), unix.NsecToTimespec(modification.UnixNano())}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "utimensat", Path: path, Err: err}
		}
		return nil
	})
}

// copy makes to, which must not exist, a file with the bytes of from. It shares
// the blocks where the file system can (copy_file_range(2)).
func (f *files) copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := f.create(to)
	if err != nil {
		return err
	}
	err = f.do("write", to, func() error {
		_, err := io.Copy(out, in)
		return err
	})
	return errors.Join(err, out.Close())
}

// place makes to, which must not exist, another name of from; a copy where the
// file system has no hard links. EMLINK is the caller's.
func (f *files) place(from, to string, mode fs.FileMode, used time.Time) error {
	err := f.link(from, to)
	if !cannotLink(err) {
		return err
	}
	if err := f.copy(from, to); err != nil {
		return err
	}
	return f.seal(to, mode, used)
}

// cannotLink tells a file system without hard links, or between which and us
// there are none.
func cannotLink(err error) bool {
	for _, no := range []error{unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.EXDEV} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// removeAll is os.RemoveAll for trees in which a command took the permission to
// delete away.
func removeAll(path string) error {
	if err := os.RemoveAll(path); err == nil {
		return nil
	}
	filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			os.Chmod(p, 0o700)
		}
		return nil // what cannot be entered stays, and RemoveAll names it
	})
	return os.RemoveAll(path)
}

// lstat is lstat(2) without allocating; ok is false when there is nothing.
func lstat(path string, st *unix.Stat_t) (ok bool, err error) {
	switch err := unix.Lstat(path, st); err {
	case nil:
		return true, nil
	case unix.ENOENT, unix.ENOTDIR:
		return false, nil
	default:
		return false, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
}
