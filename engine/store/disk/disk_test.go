package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/store/storetest"
)

func open(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// removeBlob deletes the files of a blob, as a person would.
func removeBlob(t testing.TB, s *disk.Store, d digest.Digest) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "cas", d.Hex()[:2], d.Hex()+"-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("blob %s: files %v, %v", d, files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := open(t, t.TempDir())
		return storetest.Store{CAS: s, Results: s.Results(), Remove: func(d digest.Digest) { removeBlob(t, s, d) }}
	})
}

// The store of a newer version is refused: its files must not be misread, nor
// removed by gc.
func TestOtherFormat(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("appliance store 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := disk.Open(dir, disk.Options{})
	var v *disk.VersionError
	if !errors.As(err, &v) || v.Got != "appliance store 2" {
		t.Errorf("got %v, want a *disk.VersionError", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was written there: %v, %v", entries, err)
	}
}

// A slip in --store must not turn somebody's home directory into a place where gc
// deletes.
func TestNotAStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := disk.Open(dir, disk.Options{})
	want := "store " + dir + `: the directory is not empty and is no store: it holds "thesis.tex"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Many processes may open a new store at the same moment.
func TestConcurrentOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			s, err := disk.Open(dir, disk.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// What is recorded in one process is there for the next.
func TestMemo(t *testing.T) {
	dir := t.TempDir()
	key := digest.Of([]byte("all it depends on"))
	s := open(t, dir)
	if got, ok := s.Recall(key); ok {
		t.Errorf("before: got %q", got)
	}
	for _, value := range []string{"value", "", "other\nvalue"} {
		s.Remember(key, []byte(value))
		if got, ok := open(t, dir).Recall(key); !ok || string(got) != value {
			t.Errorf("got %q, %v; want %q", got, ok, value)
		}
	}
}

// Scratch directories are private, empty, and gone when the process is; also when
// a command took away the permission to look into them.
func TestScratch(t *testing.T) {
	dir := t.TempDir()
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		scratch, _, err := s.Scratch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(scratch)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("scratch: %v, %v; want mode 0700", info, err)
		}
		if err := errors.Join(os.MkdirAll(scratch+"/work/work", 0o755), os.Chmod(scratch+"/work", 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A store of another user is refused with the reason, also to root, and not
// used until a sandbox fails on it.
func TestOpenRefusesAnotherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 61234, 61234); err != nil {
		t.Fatal(err)
	}
	_, err := disk.Open(dir, disk.Options{})
	if err == nil || !strings.Contains(err.Error(), "belongs to user 61234, and this is user 0") {
		t.Fatalf("got %v", err)
	}
}

// Below a directory that gives its group to what is made in it, as shared ones do,
// a new store has the group of its user: sandboxes know no other.
func TestOwnGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of another group")
	}
	shared := t.TempDir()
	if err := errors.Join(os.Chown(shared, -1, 61234), os.Chmod(shared, 0o775|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(shared, "store")
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	scratch, remove, err := s.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(scratch, &st); err != nil || int(st.Gid) != os.Getegid() {
		t.Errorf("a scratch directory has group %d, %v; want %d", st.Gid, err, os.Getegid())
	}
	remove()
	if err := errors.Join(s.Close(), os.Chmod(dir, 0o755|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(dir, disk.Options{}); err == nil || !strings.Contains(err.Error(), "set-group-ID") {
		t.Errorf("got %v, want an error about the group", err)
	}
}
