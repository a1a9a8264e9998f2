package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// checks remembers which trees were found whole since the store was opened.
type checks struct {
	mu    sync.Mutex
	trees map[digest.Digest]*check
}

// check is held while a tree is made or looked through.
type check struct {
	mu   sync.Mutex
	done bool
}

func (c *checks) of(d digest.Digest) *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trees == nil {
		c.trees = map[digest.Digest]*check{}
	}
	one := c.trees[d]
	if one == nil {
		one = &check{}
		c.trees[d] = one
	}
	return one
}

func (c *checks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trees = nil
}

// Path is where a file (as a program or not, as the node says) or a directory
// is on this machine. A directory is a real one whose files are hard links to
// blobs. The caller must not write there. The path holds as long as the store is
// open in this process.
//
// The first time that a process asks for a directory it is looked through;
// damaged and missing files are replaced from blobs, and when that cannot be done
// the error is a *store.Missing.
func (s *Store) Path(ctx context.Context, n tree.Node) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	switch n.Kind {
	case tree.File:
		return s.blob(n.Digest, n.Executable)
	case tree.Dir:
		return s.treePath(ctx, n.Digest)
	}
	return "", fmt.Errorf("a symbolic link to %q has no path of its own", n.Target)
}

func (s *Store) treePath(ctx context.Context, d digest.Digest) (string, error) {
	path := s.at("trees", d)
	c := s.checks.of(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	there, err := s.touchTree(path)
	if err != nil {
		return "", err
	}
	if there && c.done {
		return path, nil
	}
	if there {
		err = s.mend(ctx, path, d)
	} else {
		err = s.materialize(ctx, path, d)
	}
	if err != nil {
		s.complete.Clear()
		return "", err
	}
	c.done = true
	return path, nil
}

// touchTree reports whether there is a directory, and notes that it was used.
func (s *Store) touchTree(path string) (bool, error) {
	var st unix.Stat_t
	ok, err := lstat(path, &st)
	if !ok {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false, os.Remove(path)
	}
	return s.stampTree(path, &st)
}

// stampTree is stamp, but leaves the modification time, which shows damage.
func (s *Store) stampTree(path string, st *unix.Stat_t) (bool, error) {
	if st.Mtim.Nano() != Time.UnixNano() {
		return true, nil
	}
	return s.stamp(path, st)
}

// materialize makes the tree d below tmp and renames it to path.
func (s *Store) materialize(ctx context.Context, path string, d digest.Digest) error {
	tmp := s.process.temp()
	err := s.layTree(ctx, tmp, d, true)
	if err != nil {
		removeAll(tmp)
		return s.writing("tree "+d.Short()+"…", err)
	}
	return s.writing("tree "+d.Short()+"…", s.moveTree(tmp, path))
}

// moveTree renames a finished tree into place. One that is there already is as
// good.
func (s *Store) moveTree(from, path string) error {
	err := s.files.rename(from, path)
	if err == nil {
		return nil
	}
	removeAll(from)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return err
}

// mend looks a materialised tree through and repairs it in place, so that
// whoever has it mounted keeps it. A tree that cannot be repaired is removed: it
// must not pass for complete.
func (s *Store) mend(ctx context.Context, path string, d digest.Digest) error {
	err := s.layTree(ctx, path, d, false)
	if errors.Is(err, store.ErrMissing) {
		s.removeTree(path)
	}
	return s.writing("tree "+d.Short()+"…", err)
}

// removeTree takes a tree out of sight and deletes it.
func (s *Store) removeTree(path string) error {
	tmp := s.process.temp()
	if err := s.files.rename(path, tmp); err != nil {
		return err
	}
	return removeAll(tmp)
}

// layer makes directories on disk be what Directory messages say.
type layer struct {
	s       *Store
	fresh   bool // there is nothing yet
	pending []directory
}

type directory struct {
	path string
	is   *tree.Directory
}

// layTree makes root the tree d: first the directories, from the top, then what
// is in each of them, on all cores, then their times.
func (s *Store) layTree(ctx context.Context, root string, d digest.Digest, fresh bool) error {
	l := &layer{s: s, fresh: fresh}
	if err := l.plan(ctx, root, d); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, dir := range l.pending {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return l.fill(dir)
		})
	}
	return group.Wait()
}

// plan makes the directories and lists them.
func (l *layer) plan(ctx context.Context, path string, d digest.Digest) error {
	is, err := l.s.trees.Directory(ctx, d)
	if err != nil {
		return err
	}
	if err := l.makeDir(path); err != nil {
		return err
	}
	l.pending = append(l.pending, directory{path, is})
	for _, e := range is.Entries() {
		if e.Node.Kind != tree.Dir {
			continue
		}
		if err := l.plan(ctx, path+"/"+e.Name, e.Node.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (l *layer) makeDir(path string) error {
	if !l.fresh {
		var st unix.Stat_t
		ok, err := lstat(path, &st)
		switch {
		case err != nil:
			return err
		case ok && st.Mode&unix.S_IFMT == unix.S_IFDIR:
			return l.readable(path, &st)
		case ok:
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return l.s.files.mkdir(path)
}

// readable makes a directory one that can be looked into.
func (l *layer) readable(path string, st *unix.Stat_t) error {
	if st.Mode&0o777 == dirMode {
		return nil
	}
	return os.Chmod(path, dirMode)
}

// fill makes the files and links of one directory, and seals it.
func (l *layer) fill(dir directory) error {
	changed := l.fresh
	for _, e := range dir.is.Entries() {
		path := dir.path + "/" + e.Name
		if e.Node.Kind == tree.Dir {
			continue
		}
		if !l.fresh {
			ok, err := l.s.holds(path, e.Node)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
			if err := removeAll(path); err != nil {
				return err
			}
		}
		changed = true
		if err := l.s.lay(path, e.Node); err != nil {
			return err
		}
	}
	return l.sealDir(dir, changed)
}

// sealDir ends the work on a directory. One whose time is right has the entries
// that it was left with, and no others: adding one changes the time.
func (l *layer) sealDir(dir directory, changed bool) error {
	var st unix.Stat_t
	if _, err := lstat(dir.path, &st); err != nil {
		return err
	}
	if !changed && st.Mtim.Nano() == Time.UnixNano() && st.Mode&0o7777 == dirMode {
		return nil
	}
	if !l.fresh {
		if err := removeOthers(dir); err != nil {
			return err
		}
	}
	return l.s.files.seal(dir.path, dirMode, l.s.now())
}

// removeOthers removes what does not belong in a directory.
func removeOthers(dir directory) error {
	there, err := os.ReadDir(dir.path)
	if err != nil {
		return err
	}
	for _, e := range there {
		if _, ok := dir.is.Lookup(e.Name()); ok {
			continue
		}
		if err := removeAll(dir.path + "/" + e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether the file or link at path is n and looks untouched.
func (s *Store) holds(path string, n tree.Node) (bool, error) {
	var st unix.Stat_t
	ok, err := lstat(path, &st)
	if !ok {
		return false, err
	}
	if n.Kind == tree.File {
		return s.intact(&st, n.Digest.Size(), n.Executable), nil
	}
	target, err := os.Readlink(path)
	return err == nil && target == n.Target, nil
}

// lay makes path, which does not exist, the file or link n.
func (s *Store) lay(path string, n tree.Node) error {
	if n.Kind == tree.Symlink {
		if err := s.files.symlink(n.Target, path); err != nil {
			return err
		}
		return s.files.times(path, s.now(), Time)
	}
	blob, err := s.blob(n.Digest, n.Executable)
	if err != nil {
		return err
	}
	err = s.files.place(blob, path, blobMode(n.Executable), s.now())
	if errors.Is(err, unix.EMLINK) {
		err = s.placeRenewed(blob, path, n)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &store.Missing{Digest: n.Digest}
	}
	return err
}

// placeRenewed replaces a blob that has as many links as it can have by a copy
// that has one.
func (s *Store) placeRenewed(blob, path string, n tree.Node) error {
	if err := s.addCopy(blob, n.Digest, n.Executable); err != nil {
		return err
	}
	return s.files.place(blob, path, blobMode(n.Executable), s.now())
}
