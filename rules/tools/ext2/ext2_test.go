package ext2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// contents is what files hold, by digest.
type contents map[digest.Digest][]byte

func (c contents) open(e manifest.Entry) (io.ReadCloser, error) {
	b, ok := c[e.Digest]
	if !ok {
		return nil, fmt.Errorf("no content %s", e.Digest)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (c contents) add(b []byte) digest.Digest {
	d := digest.Of(b)
	c[d] = b
	return d
}

// pattern is n bytes in which every block differs and none is all zeros.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>9) ^ byte(i>>17) ^ byte(i) | 1
	}
	return b
}

func newManifest(t testing.TB, entries []manifest.Entry) *manifest.Manifest {
	t.Helper()
	m, err := manifest.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustPlan(t testing.TB, m *manifest.Manifest, o Options) *Layout {
	t.Helper()
	l, err := Plan(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func imageOf(t testing.TB, l *Layout, open OpenFunc) []byte {
	t.Helper()
	var b bytes.Buffer
	b.Grow(int(l.Size()))
	if err := l.Write(context.Background(), &b, open); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Entries for tests, with the modes that they most often have.
func dir(path string) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.Directory, Mode: 0o755}
}

func file(path string, d digest.Digest) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.File, Mode: 0o644, Digest: d}
}

func symlink(path, target string) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.Symlink, Mode: 0o777, Target: target}
}
