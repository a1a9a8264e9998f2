package manifesttest

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Contents is what files hold, by digest.
type Contents map[digest.Digest][]byte

// Open opens what the entry, a file, holds.
func (c Contents) Open(e manifest.Entry) (io.ReadCloser, error) {
	b, ok := c[e.Digest]
	if !ok {
		return nil, fmt.Errorf("no content %s", e.Digest)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Add makes b the content of files with the digest that it returns.
func (c Contents) Add(b []byte) digest.Digest {
	d := digest.Of(b)
	c[d] = b
	return d
}

// New is a manifest of entries that make one.
func New(t testing.TB, entries []manifest.Entry) *manifest.Manifest {
	t.Helper()
	m, err := manifest.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Dir is a directory with the mode that most have.
func Dir(path string) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.Directory, Mode: 0o755}
}

// File is a file with the mode that most have.
func File(path string, d digest.Digest) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.File, Mode: 0o644, Digest: d}
}

// Symlink is a symbolic link.
func Symlink(path, target string) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.Symlink, Mode: 0o777, Target: target}
}

// Link is another name of the entry at target.
func Link(path, target string) manifest.Entry {
	return manifest.Entry{Path: path, Type: manifest.Link, Target: target}
}
