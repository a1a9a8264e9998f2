package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

const day = 24 * time.Hour

// clock is a clock that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// aged is a store in which the results 0, 1 and 2 were last used 100, 50 and 10
// days ago.
func aged(t *testing.T) (*Store, *clock) {
	t.Helper()
	today := time.Now()
	c := &clock{}
	s, err := Open(t.TempDir(), Options{CommitInterval: time.Hour, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for n, days := range []time.Duration{100, 50, 10} {
		c.t = today.Add(-days * day)
		if err := errors.Join(run(t.Context(), s, n), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		setUsed(t, s, n, c.t)
	}
	c.t = today
	return s, c
}

// setUsed is for records: their time is that of the kernel.
func setUsed(t *testing.T, s *Store, n int, used time.Time) {
	t.Helper()
	r, err := request(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.at("ac", r.Key), used, used); err != nil {
		t.Fatal(err)
	}
}

func collect(t *testing.T, s *Store, want Limits) Freed {
	t.Helper()
	freed, err := s.GC(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return freed
}

// wantResults sees which of the results are left; they are whole.
func wantResults(t *testing.T, s *Store, want ...bool) {
	t.Helper()
	for n := range want {
		if got, err := checkResult(t.Context(), s, n); got != want[n] || err != nil {
			t.Errorf("result %d: got %v, %v; want %v", n, got, err, want[n])
		}
	}
}

func size(t *testing.T, s *Store) int64 {
	t.Helper()
	u, err := s.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u.Bytes
}

// What was not used for long goes, with all that only it needs; what is younger
// stays whole, also where it shares blobs with what is gone.
func TestGCAge(t *testing.T) {
	s, _ := aged(t)
	freed := collect(t, s, Limits{Age: 60 * day})
	if freed.Results != 1 || freed.Trees != 1 || freed.Blobs == 0 || freed.Bytes == 0 {
		t.Errorf("freed %+v, want one result and one tree with its blobs", freed)
	}
	own := digest.Of([]byte(contentOf(0)["share/own"]))
	if missing, err := s.Missing(t.Context(), []digest.Digest{own}); err != nil || len(missing) != 1 {
		t.Errorf("the blob of the removed result: missing %v, %v", missing, err)
	}
	wantResults(t, s, false, true, true)
}

// A limit of size takes the least recently used first, and no more than it must.
func TestGCSize(t *testing.T) {
	s, _ := aged(t)
	before := size(t, s)
	collect(t, s, Limits{Bytes: before})
	wantUntouched := size(t, s)
	if wantUntouched != before {
		t.Errorf("%d bytes, within the limit, became %d", before, wantUntouched)
	}
	freed := collect(t, s, Limits{Bytes: before - 1})
	if after := size(t, s); after >= before || before-after != freed.Bytes {
		t.Errorf("%d bytes, after freeing %d: %d", before, freed.Bytes, after)
	}
	wantResults(t, s, false, true, true)
}

// When nothing is in use nothing has to stay.
func TestGCAll(t *testing.T) {
	s, _ := aged(t)
	collect(t, s, Limits{Bytes: 1})
	u, err := s.Stat(t.Context())
	if err != nil || u.Blobs+u.Trees+u.Results > 0 || u.Bytes > 0 {
		t.Errorf("left: %+v, %v", u, err)
	}
}

// A use makes a result young again, with all it names.
func TestGCAfterUse(t *testing.T) {
	s, _ := aged(t)
	r, err := request(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Results().Get(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	collect(t, s, Limits{Bytes: 1})
	wantResults(t, s, true, false, false)
}

// What out/ points to stays as long as there is an out/.
func TestGCPins(t *testing.T) {
	s, _ := aged(t)
	r, err := request(0)
	if err != nil {
		t.Fatal(err)
	}
	// Peek at the result without using it.
	body, err := s.readRecordUnused(s.at("ac", r.Key))
	if err != nil {
		t.Fatal(err)
	}
	_, trees, err := needs(body)
	if err != nil || len(trees) != 1 {
		t.Fatalf("needs: %v, %v", trees, err)
	}
	out := t.TempDir()
	n := tree.Node{Kind: tree.Dir, Digest: trees[0]}
	if err := s.Pin(t.Context(), out, []tree.Node{n}); err != nil {
		t.Fatal(err)
	}
	collect(t, s, Limits{Bytes: 1})
	root, err := s.Path(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "share/common")); string(got) != "common to all" {
		t.Errorf("pinned file: %q, %v", got, err)
	}
	wantResults(t, s, false, false, false)

	s, _ = aged(t)
	gone := filepath.Join(out, "gone")
	if err := s.Pin(t.Context(), gone, []tree.Node{n}); err != nil {
		t.Fatal(err)
	}
	if freed := collect(t, s, Limits{Bytes: 1}); freed.Trees != 3 {
		t.Errorf("freed %+v, want all three trees: the directory of the pins is gone", freed)
	}
}

func (s *Store) readRecordUnused(path string) ([]byte, error) {
	b, _, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	body, ok := parseRecord(b, resultFormat)
	if !ok {
		return nil, store.ErrMissing
	}
	return body, nil
}

// GC never takes what a running build may have seen: neither what was used since
// the oldest process started, nor what was noted as used up to a day before.
func TestGCKeepsWhatBuildsUse(t *testing.T) {
	s, _ := aged(t)
	other := mustOpen(t, s.Dir())
	started := time.Now().Add(-50*day - time.Hour)
	if err := os.Chtimes(other.process.lock.Name(), started, started); err != nil {
		t.Fatal(err)
	}
	collect(t, s, Limits{Bytes: 1})
	wantResults(t, s, false, true, true)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}

// A build that starts while GC is at work, and uses what GC has just chosen, keeps
// it.
func TestGCWhileUsing(t *testing.T) {
	s, _ := aged(t)
	other := mustOpen(t, s.Dir())
	used := 0
	s.files.fault = func(op string) error {
		if op == "rename" && used < 3 { // GC is about to take the first thing out of sight
			if found, err := checkResult(t.Context(), other, used); err != nil {
				t.Error(err)
			} else if !found {
				t.Errorf("result %d was removed before anything was", used)
			}
			used++
		}
		return nil
	}
	collect(t, s, Limits{Bytes: 1})
	s.files.fault = nil
	other.forget()
	if used == 0 {
		t.Error("GC renamed nothing")
	}
	if found, err := checkResult(t.Context(), other, 0); !found || err != nil {
		t.Errorf("what was used while GC was at work: %v, %v", found, err)
	}
}

// On a full disk nothing can be created; GC does not need to.
func TestGCOnFullDisk(t *testing.T) {
	s, _ := aged(t)
	s.files.fault = func(op string) error {
		switch op {
		case "rename", "unlink":
			return nil
		}
		return unix.ENOSPC
	}
	collect(t, s, Limits{Bytes: 1})
	if left := size(t, s); left > 0 {
		t.Errorf("left: %d bytes", left)
	}
}

func TestGCBusy(t *testing.T) {
	s, _ := aged(t)
	other := mustOpen(t, s.Dir())
	s.files.fault = func(op string) error {
		if _, err := other.GC(t.Context(), Limits{}); !errors.Is(err, ErrBusy) {
			t.Errorf("a second GC: got %v, want ErrBusy", err)
		}
		return nil
	}
	collect(t, s, Limits{Bytes: 1})
}

// Verify finds bytes that changed behind the back of everything else.
func TestVerify(t *testing.T) {
	s, _ := aged(t)
	own := digest.Of([]byte(contentOf(1)["share/own"]))
	zero(t, s.blobPath(own, false))
	r, err := request(1)
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.readRecordUnused(s.at("ac", r.Key))
	if err != nil {
		t.Fatal(err)
	}
	_, trees, err := needs(body)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := s.Verify(t.Context())
	if err != nil || len(bad) != 2 {
		t.Fatalf("bad: %v, %v; want the blob and the tree with it", bad, err)
	}
	for _, d := range bad {
		if d != own && d != trees[0] {
			t.Errorf("bad: %s", d)
		}
	}
	wantResults(t, s, true, false, true)
	if err := run(t.Context(), s, 1); err != nil {
		t.Fatal(err)
	}
	wantResults(t, s, true, true, true)
}
