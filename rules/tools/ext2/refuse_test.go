package ext2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// What ext2 cannot hold is an error that names the path.
func TestPlanRefuses(t *testing.T) {
	c := manifesttest.Contents{}
	huge := func(size int64) digest.Digest {
		d, err := digest.New(digest.Empty.Hex(), size)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	attribute := func(name string, size int) manifest.Entry {
		return manifest.Entry{Path: "x", Type: manifest.FIFO, Xattrs: []manifest.Xattr{{Name: name, Value: make([]byte, size)}}}
	}
	links := []manifest.Entry{manifesttest.File("x", c.Add(nil))}
	for i := range 32000 {
		links = append(links, manifest.Entry{Path: fmt.Sprint("l", i), Type: manifest.Link, Target: "x"})
	}
	dirs := []manifest.Entry{manifesttest.Dir("x")}
	for i := range 31999 {
		dirs = append(dirs, manifesttest.Dir(fmt.Sprint("x/", i)))
	}
	for _, test := range []struct {
		entries []manifest.Entry
		o       Options
		want    string
	}{
		{links, Options{}, "/x: 32001 names"},
		{dirs, Options{}, "/x: 31999 directories"},
		{[]manifest.Entry{manifesttest.File("x", huge(1<<34+1<<30))}, Options{}, "/x: 18253611008 bytes"},
		{[]manifest.Entry{manifesttest.File("x", huge(1<<63-1))}, Options{BlockSize: 4096}, "/x: "},
		{[]manifest.Entry{manifesttest.File("x", huge(1<<41))}, Options{BlockSize: 4096}, "2 TiB"},
		{[]manifest.Entry{manifesttest.File("x", huge(1<<31))}, Options{Level: Rev0}, "/x: 2147483648 bytes: level rev0"},
		{[]manifest.Entry{manifesttest.Symlink("x", strings.Repeat("s", 1024))}, Options{}, "/x: symbolic link to 1024 bytes"},
		{[]manifest.Entry{attribute("user.x", 1024)}, Options{}, "/x: extended attributes of 1080 bytes"},
		{[]manifest.Entry{attribute("user.x", 1)}, Options{Level: Rev0}, `/x: extended attribute "user.x": level rev0`},
		{[]manifest.Entry{attribute("user.", 1)}, Options{}, "ext2 stores only"},
		{[]manifest.Entry{attribute("os2.x", 1)}, Options{}, "ext2 stores only"},
		{[]manifest.Entry{attribute("system.posix_acl_access", 5)}, Options{}, "access control list"},
		{[]manifest.Entry{manifesttest.Symlink("lost+found", "x")}, Options{}, "/lost+found is a symbolic link"},
		{nil, Options{Level: "3"}, "level"},
		{nil, Options{BlockSize: 512}, "block size 512"},
		{nil, Options{InodeSize: 512}, "inode size 512"},
		{nil, Options{InodeSize: 256, Level: Rev0}, "inode size 256"},
		{nil, Options{SizeBytes: 1000}, "multiple of the block size"},
		{nil, Options{SizeBytes: 1024}, "too small"},
		{nil, Options{SizeBytes: 1 << 50}, "want at most"},
		{nil, Options{FreeBytes: 1<<32*1024 - 1024}, "more than ext2 can address"},
		{nil, Options{FreeInodes: 1<<32 - 1}, "more than ext2 can address"},
		{nil, Options{FreeInodes: -1}, "no negative numbers"},
		{nil, Options{FreePercent: 10001}, "percent"},
		{nil, Options{ReservedPercent: 51}, "percent"},
		{nil, Options{Label: "seventeen letters"}, "label"},
		{nil, Options{Time: 1 << 31}, "time"},
		{nil, Options{Holes: &Holes{blockSize: 4096}}, "holes were looked for"},
	} {
		m := manifesttest.New(t, append([]manifest.Entry{manifesttest.Dir("")}, test.entries...))
		_, err := Plan(m, test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want an error with %q", test.o, err, test.want)
		}
	}
}

// The largest number of links and directories that is allowed.
func TestLinkLimits(t *testing.T) {
	c := manifesttest.Contents{}
	entries := []manifest.Entry{manifesttest.Dir(""), manifesttest.Dir("d"), manifesttest.File("x", c.Add(nil))}
	for i := range 31999 {
		entries = append(entries, manifest.Entry{Path: fmt.Sprint("l", i), Type: manifest.Link, Target: "x"})
	}
	for i := range 31998 {
		entries = append(entries, manifesttest.Dir(fmt.Sprint("d/", i)))
	}
	m := manifesttest.New(t, entries)
	image := writeImage(t, mustPlan(t, m, Options{}), c.Open)
	fsck(t, image)
	compareFile(t, image, m)
}

// Content that is not what the manifest says must not become an image.
func TestWriteRefuses(t *testing.T) {
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", digest.Of(pattern(3000)))})
	sparse := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", digest.Of(make([]byte, 3000)))})
	holes, err := FindHoles(context.Background(), sparse, 1024, func(manifest.Entry) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 3000))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, test := range []struct {
		m       *manifest.Manifest
		content []byte
		err     error
		want    string
	}{
		{m, pattern(2999), nil, "/f: content is shorter"},
		{m, pattern(3001), nil, "/f: content is longer"},
		{m, nil, broken, "/f: broken"},
		{sparse, pattern(3000), nil, "/f: content has bytes where a hole was found"},
	} {
		open := func(manifest.Entry) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(test.content)), test.err
		}
		err := mustPlan(t, test.m, Options{Holes: holes}).Write(context.Background(), io.Discard, open)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want an error with %q", err, test.want)
		}
	}
}

// A user who gives up is not kept waiting for a large image.
func TestWriteStopsWhenCancelled(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(8<<20)))})
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
	o := Options{BlockSize: 1024}
	l := mustPlan(t, manifesttest.New(t, append(sample(o, c), manifesttest.File("z", c.Add(pattern(5<<20))))), o)
	manifesttest.DiskFull(t, c, l.Size(), bufferSize, func(w io.Writer, open func(manifest.Entry) (io.ReadCloser, error)) error {
		return l.Write(context.Background(), w, open)
	})
}
