package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Store is what is under test.
type Store struct {
	CAS     store.CAS
	Results store.ActionCache

	// Remove takes a blob away behind the back of the store, as deletion by hand,
	// or eviction on the other side, does.
	Remove func(digest.Digest)
}

// Run runs the suite; open returns an empty store each time.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"round trip", roundTrip},
		{"missing blob", missingBlob},
		{"missing keeps the order", missingOrder},
		{"wrong digest is refused", wrongDigest},
		{"reader that fails", readerFails},
		{"empty blob", emptyBlob},
		{"large blob", largeBlob},
		{"random access", randomAccess},
		{"create and commit", createCommit},
		{"abort leaves nothing", abort},
		{"concurrent puts of one blob", concurrentPuts},
		{"cancelled context", cancelled},
		{"result round trip", resultRoundTrip},
		{"result is replaced", resultReplaced},
		{"no result", noResult},
		{"result without a file", resultWithout(file)},
		{"result without a directory", resultWithout(directory)},
		{"result without a file in a directory", resultWithout(inner)},
		{"result without its log", resultWithout(log)},
		{"result that lacks an output", resultLacksOutput},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(t *testing.T, s Store, b []byte) digest.Digest {
	t.Helper()
	d, err := store.PutBytes(t.Context(), s.CAS, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantBlob(t *testing.T, s Store, d digest.Digest, want []byte) {
	t.Helper()
	got, err := store.Bytes(t.Context(), s.CAS, d)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("blob %s: got %d bytes, %v; want %d bytes", d, len(got), err, len(want))
	}
}

func wantMissing(t *testing.T, s Store, d digest.Digest) {
	t.Helper()
	got, err := s.CAS.Missing(t.Context(), []digest.Digest{d})
	if err != nil || !slices.Equal(got, []digest.Digest{d}) {
		t.Fatalf("missing %s: got %v, %v", d, got, err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func roundTrip(t *testing.T, s Store) {
	for _, text := range []string{"a", "hello", strings.Repeat("x", 70_000)} {
		d := put(t, s, []byte(text))
		wantBlob(t, s, d, []byte(text))
		put(t, s, []byte(text)) // a second time is as good as once
		wantBlob(t, s, d, []byte(text))
	}
}

func missingBlob(t *testing.T, s Store) {
	d := digest.Of([]byte("never put"))
	wantMissing(t, s, d)
	_, err := s.CAS.Open(t.Context(), d)
	var missing *store.Missing
	if !errors.As(err, &missing) || missing.Digest != d || !errors.Is(err, store.ErrMissing) {
		t.Fatalf("open: got %v, want a *store.Missing of %s", err, d)
	}
}

func missingOrder(t *testing.T, s Store) {
	var all, want []digest.Digest
	for i := range 20 {
		b := []byte{byte(i)}
		all = append(all, digest.Of(b))
		if i%3 == 0 {
			put(t, s, b)
			continue
		}
		want = append(want, digest.Of(b))
	}
	got, err := s.CAS.Missing(t.Context(), all)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
}

func wrongDigest(t *testing.T, s Store) {
	d := digest.Of([]byte("right"))
	for _, bad := range []string{"wrong", "righ", "right!", ""} {
		err := s.CAS.Put(t.Context(), d, strings.NewReader(bad))
		var mismatch *store.Mismatch
		if !errors.As(err, &mismatch) || mismatch.Want != d || mismatch.Got != digest.Of([]byte(bad)) {
			t.Fatalf("put of %q under the digest of another text: got %v, want a *store.Mismatch", bad, err)
		}
		wantMissing(t, s, d)
		if b := []byte(bad); bad != "" {
			wantMissing(t, s, digest.Of(b))
		}
	}
}

func readerFails(t *testing.T, s Store) {
	broken := errors.New("broken")
	d := digest.Of([]byte("right"))
	r := io.MultiReader(strings.NewReader("rig"), iotest.ErrReader(broken))
	if err := s.CAS.Put(t.Context(), d, r); !errors.Is(err, broken) {
		t.Fatalf("got %v, want the error of the reader", err)
	}
	wantMissing(t, s, d)
}

// The empty blob is in every store (REAPI, "ContentAddressableStorage").
func emptyBlob(t *testing.T, s Store) {
	wantBlob(t, s, digest.Empty, nil)
	put(t, s, nil)
	wantBlob(t, s, digest.Empty, nil)
	if got, err := s.CAS.Missing(t.Context(), []digest.Digest{digest.Empty}); err != nil || len(got) > 0 {
		t.Fatalf("missing: got %v, %v", got, err)
	}
}

func largeBlob(t *testing.T, s Store) {
	b := noise(9 << 20)
	d := digest.Of(b)
	if err := s.CAS.Put(t.Context(), d, iotest.HalfReader(bytes.NewReader(b))); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, s, d, b)
}

func randomAccess(t *testing.T, s Store) {
	want := noise(100_000)
	b, err := s.CAS.Open(t.Context(), put(t, s, want))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Size() != int64(len(want)) {
		t.Errorf("size: got %d, want %d", b.Size(), len(want))
	}
	got := make([]byte, 1000)
	if _, err := b.ReadAt(got, 50_000); err != nil || !bytes.Equal(got, want[50_000:51_000]) {
		t.Errorf("ReadAt: %v, or other bytes", err)
	}
	if n, err := b.ReadAt(got, 99_500); n != 500 || err != io.EOF {
		t.Errorf("ReadAt across the end: got %d, %v; want 500, EOF", n, err)
	}
	if err := iotest.TestReader(io.NewSectionReader(b, 0, b.Size()), want); err != nil {
		t.Error(err)
	}
}

func createCommit(t *testing.T, s Store) {
	w, err := s.CAS.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "hello, ")
	fmt.Fprint(w, "world")
	d, err := w.Commit()
	if err != nil || d != digest.Of([]byte("hello, world")) {
		t.Fatalf("commit: got %s, %v", d, err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("close after commit: %v", err)
	}
	wantBlob(t, s, d, []byte("hello, world"))
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("write after commit: got no error")
	}
	if _, err := w.Commit(); err == nil {
		t.Error("second commit: got no error")
	}
}

func abort(t *testing.T, s Store) {
	w, err := s.CAS.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "half")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err == nil {
		t.Error("commit after close: got no error")
	}
	wantMissing(t, s, digest.Of([]byte("half")))
}

func concurrentPuts(t *testing.T, s Store) {
	b := noise(300_000)
	d := digest.Of(b)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := s.CAS.Put(context.Background(), d, bytes.NewReader(b)); err != nil {
				t.Error(err)
			}
			got, err := store.Bytes(context.Background(), s.CAS, d)
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("after put: got %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
}

func cancelled(t *testing.T, s Store) {
	d := put(t, s, []byte("here"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, missing := s.CAS.Missing(ctx, []digest.Digest{d})
	_, open := s.CAS.Open(ctx, d)
	_, create := s.CAS.Create(ctx)
	request, result := example(t, s)
	_, get := s.Results.Get(ctx, request)
	for name, err := range map[string]error{
		"missing": missing, "open": open, "create": create, "get": get,
		"put":        s.CAS.Put(ctx, digest.Of([]byte("x")), strings.NewReader("x")),
		"put result": s.Results.Put(ctx, request, result),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
}

// What is in the result of example.
var (
	file      = digest.Of([]byte("a file"))
	inner     = digest.Of([]byte("a file in a directory"))
	log       = digest.Of([]byte("a log"))
	directory = exampleDirectory().Digest()
)

func exampleDirectory() *tree.Directory {
	d, err := tree.New([]tree.Entry{
		{Name: "program", Node: tree.NewFile(inner, true)},
		{Name: "link", Node: tree.NewLink("../elsewhere")},
		{Name: "empty", Node: tree.Empty.Node()},
	})
	if err != nil {
		panic("bug: " + err.Error())
	}
	return d
}

// example is an action with a file and a tree as outputs, and a result of which
// everything is in the store.
func example(t *testing.T, s Store) (*action.Request, *action.Result) {
	t.Helper()
	for _, text := range []string{"a file", "a file in a directory", "a log"} {
		put(t, s, []byte(text))
	}
	put(t, s, exampleDirectory().Encoded())
	owner, err := label.New("", "dir", "target")
	if err != nil {
		t.Fatal(err)
	}
	a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Test", Work: &action.Command{
		Argv: []string{"/bin/true"},
		Outputs: []action.Output{
			{Name: "/out/file", Artifact: action.NewDerived(owner, "file", false)},
			{Name: "/out/tree", Artifact: action.NewDerived(owner, "tree", true)},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := action.NewRequest(t.Context(), a, nil, &tree.Memory{})
	if err != nil {
		t.Fatal(err)
	}
	return r, &action.Result{
		Outputs: map[string]tree.Node{
			"/out/file": tree.NewFile(file, true),
			"/out/tree": exampleDirectory().Node(),
		},
		Log: log,
	}
}

func resultRoundTrip(t *testing.T, s Store) {
	request, want := example(t, s)
	if err := s.Results.Put(t.Context(), request, want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Results.Get(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want.Cached = true
	if d := cmp.Diff(want, got, cmp.AllowUnexported(digest.Digest{})); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func resultReplaced(t *testing.T, s Store) {
	request, result := example(t, s)
	for code := range 3 {
		result.ExitCode = code
		if err := s.Results.Put(t.Context(), request, result); err != nil {
			t.Fatal(err)
		}
		got, err := s.Results.Get(t.Context(), request)
		if err != nil || got.ExitCode != code {
			t.Fatalf("got %+v, %v; want exit code %d", got, err, code)
		}
	}
}

func noResult(t *testing.T, s Store) {
	request, _ := example(t, s)
	if got, err := s.Results.Get(t.Context(), request); !errors.Is(err, store.ErrMissing) || got != nil {
		t.Fatalf("got %v, %v; want ErrMissing", got, err)
	}
}

// A result whose outputs are gone must not be a hit: the build would fail later
// on, where nobody can make them again.
func resultWithout(d digest.Digest) func(*testing.T, Store) {
	return func(t *testing.T, s Store) {
		request, result := example(t, s)
		if err := s.Results.Put(t.Context(), request, result); err != nil {
			t.Fatal(err)
		}
		s.Remove(d)
		if got, err := s.Results.Get(t.Context(), request); !errors.Is(err, store.ErrMissing) || got != nil {
			t.Fatalf("got %v, %v; want ErrMissing", got, err)
		}
	}
}

func resultLacksOutput(t *testing.T, s Store) {
	request, result := example(t, s)
	delete(result.Outputs, "/out/tree")
	if err := s.Results.Put(t.Context(), request, result); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Results.Get(t.Context(), request); !errors.Is(err, store.ErrMissing) || got != nil {
		t.Fatalf("got %v, %v; want ErrMissing", got, err)
	}
}
