package cpio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

func sized(t testing.TB, size int64) digest.Digest {
	t.Helper()
	d, err := digest.New(digest.Empty.Hex(), size)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What the format cannot hold is an error that names the path.
func TestPlanRefuses(t *testing.T) {
	attribute := manifest.Entry{Path: "a/x", Type: manifest.FIFO, Xattrs: []manifest.Xattr{{Name: "user.x"}}}
	for _, test := range []struct {
		entries []manifest.Entry
		o       Options
		want    string
	}{
		{[]manifest.Entry{manifesttest.File("a/x", sized(t, 1<<32))}, Options{}, "/a/x: 4294967296 bytes"},
		{[]manifest.Entry{manifesttest.File("a/x", sized(t, 1<<63-1))}, Options{}, "/a/x: 9223372036854775807 bytes"},
		{[]manifest.Entry{manifesttest.File("a/x", sized(t, 1<<32)), manifesttest.Link("b", "a/x")}, Options{}, "/b: 4294967296 bytes"},
		{[]manifest.Entry{attribute}, Options{}, `/a/x: extended attribute "user.x"`},
		{[]manifest.Entry{manifesttest.Dir("TRAILER!!!")}, Options{}, `/TRAILER!!!: the name "TRAILER!!!" ends an archive`},
		{nil, Options{Time: -1}, "time -1"},
		{nil, Options{Time: 1 << 32}, "time 4294967296"},
		{nil, Options{BlockSize: 2}, "block size 2"},
		{nil, Options{BlockSize: 510}, "block size 510"},
		{nil, Options{BlockSize: -512}, "block size -512"},
		{nil, Options{BlockSize: 1 << 21}, "block size 2097152"},
	} {
		m := manifesttest.New(t, append([]manifest.Entry{manifesttest.Dir(""), manifesttest.Dir("a")}, test.entries...))
		_, err := Plan(m, test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want an error with %q", test.o, err, test.want)
		}
	}
}

// The largest file that there can be is planned for with all its bytes.
func TestLargestFile(t *testing.T) {
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", sized(t, 1<<32-1))})
	const overhead = 112 + 112 + 124 // ".", "f", "TRAILER!!!"
	if got, want := mustPlan(t, m, Options{BlockSize: 4}).Size(), int64(1<<32+overhead); got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
}

// Who says so gets an archive without the attributes, equal to that of a
// manifest that has none.
func TestDropXattrs(t *testing.T) {
	c := manifesttest.Contents{}
	plain := manifesttest.New(t, sample(c))
	entries := sample(c)
	for i := range entries {
		if entries[i].Type != manifest.Link {
			entries[i].Xattrs = []manifest.Xattr{{Name: "security.capability", Value: []byte{1}}}
		}
	}
	got := archiveOf(t, mustPlan(t, manifesttest.New(t, entries), Options{DropXattrs: true}), c.Open)
	if !bytes.Equal(got, archiveOf(t, mustPlan(t, plain, Options{}), c.Open)) {
		t.Error("attributes show in the archive")
	}
}

// Content that is not what the manifest says must not become an image.
func TestWriteRefuses(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 300000)
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", digest.Of(content[1:]))})
	broken := errors.New("broken")
	for _, test := range []struct {
		content []byte
		err     error
		want    string
	}{
		{content[2:], nil, "/f: content is shorter than its digest says, by 1 bytes"},
		{content, nil, "/f: content is longer"},
		{nil, broken, "/f: broken"},
	} {
		open := func(manifest.Entry) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(test.content)), test.err
		}
		err := mustPlan(t, m, Options{}).Write(context.Background(), io.Discard, open)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want an error with %q", err, test.want)
		}
	}
}

// A user who gives up is not kept waiting for a large image.
func TestWriteStopsWhenCancelled(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(make([]byte, 1<<20)))})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := mustPlan(t, m, Options{}).Write(ctx, io.Discard, c.Open)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A writer that fails anywhere makes Write fail, and opened files are closed.
func TestWriteErrors(t *testing.T) {
	c := manifesttest.Contents{}
	l := mustPlan(t, manifesttest.New(t, append(sample(c), manifesttest.File("z", c.Add(make([]byte, 1<<20))))), Options{})
	manifesttest.DiskFull(t, c, l.Size(), bufferSize/2, func(w io.Writer, open func(manifest.Entry) (io.ReadCloser, error)) error {
		return l.Write(context.Background(), w, open)
	})
}
