package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// request is the n-th action of these tests: it makes a tree and a file.
func request(n int) (*action.Request, error) {
	owner, err := label.New("", "dir", fmt.Sprintf("t%d", n))
	if err != nil {
		return nil, err
	}
	a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Test", Work: &action.Command{
		Argv: []string{"/bin/true", fmt.Sprint(n)},
		Outputs: []action.Output{
			{Name: "/out", Artifact: action.NewDerived(owner, "out", true)},
			{Name: "/file", Artifact: action.NewDerived(owner, "file", false)},
		},
	}})
	if err != nil {
		return nil, err
	}
	return action.NewRequest(context.Background(), a, nil, &tree.Memory{})
}

// contentOf is what the n-th action makes, by path below its tree.
func contentOf(n int) map[string]string {
	return map[string]string{
		"bin/program":   fmt.Sprintf("program %d", n),
		"share/own":     strings.Repeat(fmt.Sprintf("data %d\n", n), 2000),
		"share/common":  "common to all",
		"share/common2": "common to all",
	}
}

// run is what a runner does for the n-th action: outputs into a scratch
// directory, adopting them, recording the result.
func run(ctx context.Context, s *Store, n int) error {
	r, err := request(n)
	if err != nil {
		return err
	}
	dir, remove, err := s.Scratch(ctx)
	if err != nil {
		return err
	}
	defer remove()
	for name, text := range contentOf(n) {
		p := filepath.Join(dir, "out", name)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), mode)); err != nil {
			return err
		}
	}
	if err := os.Symlink("common", filepath.Join(dir, "out/share/link")); err != nil {
		return err
	}
	out, err := s.Adopt(ctx, filepath.Join(dir, "out"), AdoptOptions{Name: "/out"})
	if err != nil {
		return err
	}
	file, err := store.PutBytes(ctx, s, fmt.Appendf(nil, "file %d", n))
	if err != nil {
		return err
	}
	return s.Results().Put(ctx, r, &action.Result{Outputs: map[string]tree.Node{"/out": out, "/file": tree.NewFile(file, false)}})
}

// checkResult sees that the result of the n-th action is absent, or whole with all that
// it names.
func checkResult(ctx context.Context, s *Store, n int) (found bool, err error) {
	r, err := request(n)
	if err != nil {
		return false, err
	}
	result, err := s.Results().Get(ctx, r)
	if errors.Is(err, store.ErrMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	root, err := s.Path(ctx, result.Outputs["/out"])
	if err != nil {
		return true, fmt.Errorf("result %d: %w", n, err)
	}
	for name, want := range contentOf(n) {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			return true, fmt.Errorf("result %d: %s holds %d bytes, %v; want %d", n, name, len(got), err, len(want))
		}
	}
	if b, err := store.Bytes(ctx, s, result.Outputs["/file"].Digest); err != nil || string(b) != fmt.Sprintf("file %d", n) {
		return true, fmt.Errorf("result %d: file: got %q, %v", n, b, err)
	}
	return true, nil
}

func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	// Nothing is committed but by Flush and Close, so that each run does the same.
	s, err := Open(dir, Options{CommitInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// unfinished are the things that were left in tmp.
func unfinished(t *testing.T, s *Store) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "tmp", "*.t*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Whichever operation the disk refuses, the error says so, nothing half-written is
// left, no result is visible that is not whole, and with room again the same work
// succeeds.
func TestEveryOperationFails(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		for n := int64(0); failOperation(t, errno, n); n++ {
		}
	}
}

// failOperation fails the n-th operation of a run; more is false when there were
// not as many.
func failOperation(t *testing.T, errno unix.Errno, n int64) (more bool) {
	s := mustOpen(t, t.TempDir())
	var count atomic.Int64
	var failed string
	s.files.fault = func(op string) error {
		if count.Add(1)-1 == n {
			failed = op
			return errno
		}
		return nil
	}
	err := errors.Join(run(t.Context(), s, 0), s.Flush(t.Context()), rebuild(t.Context(), s))
	s.files.fault = nil
	if failed == "" {
		if err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		return false
	}
	var write *WriteError
	switch {
	case err == nil && failed == "link":
		// one operation that has another way
	case !errors.Is(err, errno) || !errors.As(err, &write):
		t.Errorf("%v in %s, operation %d: got %v, want a *WriteError", errno, failed, n, err)
	}
	if left := unfinished(t, s); len(left) > 0 {
		t.Errorf("%v in %s, operation %d: left behind: %v", errno, failed, n, left)
	}
	if _, err := checkResult(t.Context(), s, 0); err != nil {
		t.Errorf("%v in %s, operation %d: then: %v", errno, failed, n, err)
	}
	if bad, err := s.Verify(t.Context()); err != nil || len(bad) > 0 {
		t.Errorf("%v in %s, operation %d: damaged: %v, %v", errno, failed, n, bad, err)
	}
	if err := errors.Join(run(t.Context(), s, 0), s.Flush(t.Context())); err != nil {
		t.Errorf("%v in %s, operation %d: again: %v", errno, failed, n, err)
	}
	if found, err := checkResult(t.Context(), s, 0); err != nil || !found {
		t.Errorf("%v in %s, operation %d: in the end: %v, %v", errno, failed, n, found, err)
	}
	return true
}

// rebuild asks for what the store has to make from blobs: a tree that somebody
// removed, and the other form of a file.
func rebuild(ctx context.Context, s *Store) error {
	r, err := request(0)
	if err != nil {
		return err
	}
	result, err := s.Results().Get(ctx, r)
	if errors.Is(err, store.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.at("trees", result.Outputs["/out"].Digest)); err != nil {
		return err
	}
	_, err = s.Path(ctx, result.Outputs["/out"])
	_, err2 := s.Path(ctx, tree.NewFile(result.Outputs["/file"].Digest, true))
	return errors.Join(err, err2)
}

// The message for a full disk is read by people.
func TestWriteErrorText(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.files.fault = func(op string) error {
		if op == "write" {
			return unix.ENOSPC
		}
		return nil
	}
	_, err := store.PutBytes(t.Context(), s, []byte("some bytes"))
	d := digest.Of([]byte("some bytes"))
	want := fmt.Sprintf("write blob %s…/10 to %s: no space left on device\n    hint: free space on that file system, or let appliance gc do it", d.Short(), s.dir)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A file system without hard links makes a store that is larger, not one that is
// wrong.
func TestNoHardLinks(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.EOPNOTSUPP} {
		s := mustOpen(t, t.TempDir())
		s.files.fault = func(op string) error {
			if op == "link" {
				return errno
			}
			return nil
		}
		if err := errors.Join(run(t.Context(), s, 0), run(t.Context(), s, 1)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(s.dir, "trees")); err != nil {
			t.Fatal(err)
		}
		s.forget()
		for n := range 2 {
			if found, err := checkResult(t.Context(), s, n); !found || err != nil {
				t.Errorf("%v: result %d: %v, %v", errno, n, found, err)
			}
		}
	}
}

// After a power cut, files have the right length and no bytes. Those that were
// written since the last sync are hashed before they are given out.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if err := errors.Join(run(t.Context(), s, 0), s.Close()); err != nil {
		t.Fatal(err)
	}
	sync := filepath.Join(dir, "sync")
	before, err := os.ReadFile(sync)
	if err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir)
	d, err := store.PutBytes(t.Context(), s, []byte("not synced"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	zero(t, s.blobPath(d, false))
	if err := os.WriteFile(sync, []byte("another-boot"+string(before[36:])), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also a second process after the boot must look
		s = mustOpen(t, dir)
		if got, err := s.Path(t.Context(), tree.NewFile(d, false)); !errors.Is(err, store.ErrMissing) {
			t.Fatalf("got %s, %v, want it missing", got, err)
		}
		if found, err := checkResult(t.Context(), s, 0); !found || err != nil {
			t.Errorf("what was synced: %v, %v", found, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(s.blobPath(d, false), make([]byte, d.Size()), 0o600), s.files.seal(s.blobPath(d, false), plainMode, s.now())); err != nil {
			t.Fatal(err)
		}
	}
}

// zero does to the bytes of a file what a power cut may do, and to nothing else.
func zero(t *testing.T, path string) {
	t.Helper()
	var st unix.Stat_t
	if ok, err := lstat(path, &st); !ok || err != nil {
		t.Fatalf("%s: %v, %v", path, ok, err)
	}
	err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, make([]byte, st.Size), 0o600),
		(&files{}).seal(path, plainMode, time.Unix(st.Atim.Unix())))
	if err != nil {
		t.Fatal(err)
	}
}

// The record of a newer version, and a torn one, are misses and never misread.
func TestForeignRecords(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	if err := errors.Join(run(t.Context(), s, 0), s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	r, err := request(0)
	if err != nil {
		t.Fatal(err)
	}
	path := s.at("ac", r.Key)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{
		nil, good[:10], good[:len(good)-1], append([]byte("x"), good...), append(good[:len(good):len(good)], 'x'),
		[]byte(strings.Replace(string(good), resultFormat, "appliance result 2", 1)), make([]byte, len(good)),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if found, err := checkResult(t.Context(), s, 0); found || err != nil {
			t.Errorf("record %q: got %v, %v; want a miss", bad, found, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := checkResult(t.Context(), s, 0); !found || err != nil {
		t.Errorf("good record: got %v, %v", found, err)
	}
}
