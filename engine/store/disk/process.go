package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// process is this process as the others see it: a lock file, tmp/<name>.lock,
// which is held by flock(2) as long as the process lives. Everything unfinished
// of this process is called tmp/<name>.t<number>. The modification time of the
// lock file is the start of the process.
type process struct {
	name string // tmp/<name>
	lock *os.File
	next atomic.Int64

	sweep sync.WaitGroup // removes what killed processes left
}

const lockSuffix = ".lock"

// startProcess enters this process in the directory tmp and begins to remove what
// dead ones left there. It needs no space on the disk but for a name, so that gc
// can start on a full one.
func startProcess(tmp string) (*process, error) {
	lock, err := newLock(tmp)
	if err != nil {
		return nil, err
	}
	p := &process{name: strings.TrimSuffix(lock.Name(), lockSuffix), lock: lock}
	p.sweep.Go(func() { sweep(tmp) })
	return p, nil
}

// newLock makes a lock file and locks it. Between the two steps another process
// may take it for that of a dead one and remove it; then there is a next try.
func newLock(tmp string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(tmp, strconv.Itoa(os.Getpid())+"-*"+lockSuffix)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && stillThere(f) {
			return f, nil
		}
		f.Close()
		if err != nil && err != unix.EWOULDBLOCK {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// stillThere reports whether the name of f still leads to f.
func stillThere(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(mine, there)
}

// sweep removes the unfinished things of dead processes: those whose lock is
// free. What cannot be removed is left to the next sweep.
func sweep(tmp string) {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, isLock := strings.CutSuffix(e.Name(), lockSuffix)
		if !isLock {
			continue
		}
		f, err := os.Open(filepath.Join(tmp, e.Name()))
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && removeUnfinished(tmp, name) == nil {
			os.Remove(f.Name())
		}
		f.Close()
	}
}

// removeUnfinished removes what the process of that name left in tmp. What it had
// put aside goes back.
func removeUnfinished(tmp, name string) error {
	entries, err := os.ReadDir(tmp)
	errs := []error{err}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), name+".t") {
			continue
		}
		path := filepath.Join(tmp, e.Name())
		if home, ok := homeOf(e.Name()); ok {
			errs = append(errs, putBack(path, filepath.Join(tmp, "..", home)))
			continue
		}
		errs = append(errs, removeAll(path))
	}
	return errors.Join(errs...)
}

// aside is a name for an item while GC decides on it. A GC that is killed then
// has not decided: somebody may rely on the item.
func (p *process) aside(i item) string {
	return p.temp() + "." + i.kind + "." + filepath.Base(i.path)
}

// homeOf is the path in the store of what aside gave a name to.
func homeOf(name string) (path string, ok bool) {
	parts := strings.SplitN(name, ".", 4)
	if len(parts) != 4 || !slices.Contains(kinds, parts[2]) || len(parts[3]) < 2 {
		return "", false
	}
	return filepath.Join(parts[2], parts[3][:2], parts[3]), true
}

// putBack undoes putting aside. A thing that was made anew meanwhile stays.
func putBack(aside, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // a file system without that flag
		err = unix.Rename(aside, path)
	}
	if err != nil {
		return removeAll(aside)
	}
	return nil
}

// putAllBack puts back what a killed GC had put aside, whoever's it was: GC is
// what puts aside, and the caller has its lock. Else what such a thing names would
// look unused, and go before it.
func putAllBack(tmp string) error {
	entries, err := os.ReadDir(tmp)
	errs := []error{err}
	for _, e := range entries {
		if home, ok := homeOf(e.Name()); ok {
			errs = append(errs, ignoreNotExist(putBack(filepath.Join(tmp, e.Name()), filepath.Join(tmp, "..", home))))
		}
	}
	return errors.Join(errs...)
}

// oldestProcess is when the oldest living process with the store open started.
func (s *Store) oldestProcess() (time.Time, error) {
	oldest := s.now()
	entries, err := os.ReadDir(filepath.Join(s.dir, "tmp"))
	if err != nil {
		return oldest, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), lockSuffix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return oldest, err
		}
		if t := info.ModTime(); t.Before(oldest) {
			oldest = t
		}
	}
	return oldest, nil
}

// end removes what is unfinished and gives the lock back.
func (p *process) end() error {
	p.sweep.Wait()
	err := removeUnfinished(filepath.Split(p.name))
	return errors.Join(err, os.Remove(p.lock.Name()), p.lock.Close())
}

// temp is a fresh name for an unfinished thing.
func (p *process) temp() string {
	return p.name + ".t" + strconv.FormatInt(p.next.Add(1), 36)
}

// Scratch is a fresh private directory on the file system of the store. What the
// caller does not remove goes with the process.
func (s *Store) Scratch(ctx context.Context) (dir string, remove func(), err error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	dir = s.process.temp()
	if err := s.files.do("mkdir", dir, func() error { return os.Mkdir(dir, 0o700) }); err != nil {
		return "", nil, s.writing("a scratch directory", err)
	}
	// What removing fails to remove is removed when the store is next opened.
	return dir, func() { removeAll(dir) }, nil
}
