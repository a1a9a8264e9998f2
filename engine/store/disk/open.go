package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

const version = "appliance store 1"

// Options are the knobs of a Store. The zero Options are the defaults.
type Options struct {
	// Now is the clock; default time.Now.
	Now func() time.Time

	// CommitInterval is the least time between two syncs of the file system for
	// the sake of results; default one second. Flush and Close do not wait for it.
	CommitInterval time.Duration
}

// Store is a store in a directory. It may be used by many goroutines.
type Store struct {
	dir     string
	now     func() time.Time
	files   files
	hash    hashing
	process *process
	trees   *store.Trees // directories that were read or put

	window        window // does not change after Open
	windowUnsaved atomic.Bool

	complete sync.Map // digest.Digest of trees of which everything was seen here
	checks   checks
	results  *Results

	closing sync.Once
	closed  error // what Close returned
}

// Open opens the store in dir and makes it if there is none. A store of another
// format is refused with a *VersionError.
func Open(dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CommitInterval == 0 {
		o.CommitInterval = time.Second
	}
	s := &Store{dir: dir, now: o.Now}
	s.trees = store.NewTrees(s)
	if err := s.prepare(); err != nil {
		return nil, s.opening(err)
	}
	if s.process, err = startProcess(filepath.Join(dir, "tmp")); err != nil {
		return nil, s.opening(err)
	}
	if err := s.openWindow(); err != nil {
		s.process.end()
		return nil, s.opening(err)
	}
	s.results = newResults(s, o.CommitInterval)
	return s, nil
}

func (s *Store) opening(err error) error {
	var v *VersionError
	if errors.As(err, &v) {
		return err
	}
	return fmt.Errorf("store %s: %w", s.dir, err)
}

// prepare makes the directory a store, or sees that it is one.
func (s *Store) prepare() error {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	if err := s.checkOwner(); err != nil {
		return err
	}
	path := filepath.Join(s.dir, "version")
	got, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.writeVersion(path); err != nil {
			return err
		}
		got, err = os.ReadFile(path)
	}
	if err != nil {
		return err
	}
	if found := strings.TrimSpace(string(got)); found != version {
		return &VersionError{Dir: s.dir, Got: found, Want: version}
	}
	for _, name := range []string{"cas", "trees", "ac", "memo", "logs", "roots", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, name), dirMode); err != nil {
			return err
		}
	}
	return nil
}

// checkOwner refuses the store of another user, also to root, or of another group:
// in a sandbox that is not theirs, files of others belong to nobody, and no overlay
// can change a directory of nobody's.
func (s *Store) checkOwner() error {
	var st unix.Stat_t
	if err := unix.Stat(s.dir, &st); err != nil {
		return err
	}
	if own := os.Geteuid(); int(st.Uid) != own {
		return fmt.Errorf("the directory belongs to user %d, and this is user %d", st.Uid, own)
	}
	if foreignGroup(&st) {
		return s.ownGroup()
	}
	return nil
}

func foreignGroup(st *unix.Stat_t) bool {
	return int(st.Gid) != os.Getegid() || st.Mode&unix.S_ISGID != 0
}

// ownGroup makes a directory that is to become a store one of the caller's group.
// It has another when the directory above it is set-group-ID.
func (s *Store) ownGroup() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return errors.Join(os.Chown(s.dir, -1, os.Getegid()), os.Chmod(s.dir, dirMode))
	}
	var st unix.Stat_t // again: another process may have been here meanwhile
	if err := unix.Stat(s.dir, &st); err != nil {
		return err
	}
	if foreignGroup(&st) {
		return fmt.Errorf("the directory belongs to group %d or is set-group-ID, and this is group %d: name another directory, or remove this one", st.Gid, os.Getegid())
	}
	return nil
}

// writeVersion turns an empty directory into a store. It refuses one that holds
// something else: gc will delete in here.
func (s *Store) writeVersion(path string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "version" }) {
		return nil // another process was faster
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "version.") {
			return fmt.Errorf("the directory is not empty and is no store: it holds %q", e.Name())
		}
	}
	f, err := os.CreateTemp(s.dir, "version.*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(version + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Results is the action cache of the store.
func (s *Store) Results() *Results { return s.results }

// Trees finds and keeps directories in the store.
func (s *Store) Trees() *store.Trees { return s.trees }

// LogPath is where the log of the action with that key is kept. Its directory
// exists.
func (s *Store) LogPath(key digest.Digest) string {
	p := s.at("logs", key)
	os.MkdirAll(filepath.Dir(p), dirMode) // whoever writes the log hears of a failure
	return p
}

// JournalDir is a directory for the journals of builds. It exists.
func (s *Store) JournalDir() string {
	p := filepath.Join(s.dir, "journal")
	os.MkdirAll(p, dirMode) // whoever writes there hears of a failure
	return p
}

// Close makes everything that was recorded durable and gives up the scratch
// directories. Paths that the store gave out may vanish from now on. A second
// Close does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = errors.Join(s.results.close(), s.process.end()) })
	return s.closed
}

// at is the path of d in one of the sharded directories.
func (s *Store) at(kind string, d digest.Digest) string {
	name := fileName(d)
	return s.dir + "/" + kind + "/" + name[:2] + "/" + name
}
