package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/archive"
)

// Get fetches a small file by its URL, such as
// mirror://debian/dists/bookworm/InRelease. A file that is not there is
// fs.ErrNotExist.
type Get func(ctx context.Context, url string) ([]byte, error)

// Source is one suite of one archive.
type Source struct {
	Mirror     string   // the archive: the host of mirror:// URLs
	Suite      string   // the directory below dists, such as bookworm or bookworm-security
	Components []string // such as main
}

func (s Source) url(parts ...string) string {
	return "mirror://" + s.Mirror + "/" + path.Join(append([]string{"dists", s.Suite}, parts...)...)
}

// Index is the packages of one source for one architecture.
type Index struct {
	Source   Source
	Arch     string
	Date     time.Time // of the Release file
	Packages []Package // in the order of the archive
}

// Package is what an index says about one binary package. Relations are as they
// are written there.
type Package struct {
	Name, Version, Arch string
	PreDepends, Depends string
	Provides            string
	Path                string // below the archive
	Digest              digest.Digest
}

// Load fetches and verifies the index of a source.
func Load(ctx context.Context, get Get, s Source, arch string, keys Keyring, now time.Time) (*Index, error) {
	release, err := s.release(ctx, get, keys, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url(), err)
	}
	if s.Suite != release.Suite && s.Suite != release.Codename {
		return nil, fmt.Errorf("%s: is suite %q, codename %q; want %q", s.url(), release.Suite, release.Codename, s.Suite)
	}
	index := &Index{Source: s, Arch: arch, Date: release.Date}
	for _, component := range s.Components {
		packages, err := s.packages(ctx, get, release, path.Join(component, "binary-"+arch))
		if err != nil {
			return nil, err
		}
		index.Packages = append(index.Packages, packages...)
	}
	return index, nil
}

func (s Source) release(ctx context.Context, get Get, keys Keyring, now time.Time) (*Release, error) {
	in, err := get(ctx, s.url("InRelease"))
	if err == nil {
		return Verify(in, keys, now)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	release, err := get(ctx, s.url("Release"))
	if err != nil {
		return nil, err
	}
	signature, err := get(ctx, s.url("Release.gpg"))
	if err != nil {
		return nil, err
	}
	return VerifyDetached(release, signature, keys, now)
}

// packages fetches the smallest form of an index that the Release file has.
func (s Source) packages(ctx context.Context, get Get, r *Release, dir string) ([]Package, error) {
	for _, name := range []string{"Packages.xz", "Packages.gz", "Packages"} {
		want, ok := r.Files[path.Join(dir, name)]
		if !ok {
			continue
		}
		url := s.url(dir, name)
		if r.ByHash {
			url = s.url(dir, "by-hash", "SHA256", want.Hex())
		}
		b, err := get(ctx, url)
		if err != nil {
			return nil, err
		}
		if got := digest.Of(b); got != want {
			return nil, fmt.Errorf("%s: got %s, want %s as the Release file says; the mirror may be in the middle of an update", url, got, want)
		}
		packages, err := ParsePackages(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		return packages, nil
	}
	return nil, fmt.Errorf("%s: the Release file lists no Packages there; want another component or architecture", s.url(dir))
}

// maxIndex is the largest index in bytes, unpacked. Debian's main has 50 MB.
const maxIndex = 1 << 30

// ParsePackages reads a Packages file, compressed or not. Errors name the line or
// the package.
func ParsePackages(b []byte) ([]Package, error) {
	r, _, err := archive.Decompress(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxIndex {
		return nil, fmt.Errorf("has more than %d bytes", maxIndex)
	}
	var packages []Package
	err = stanzas(text, func(fields func(string) []byte) error {
		p, err := newPackage(fields)
		packages = append(packages, p)
		return err
	})
	return packages, err
}

func newPackage(fields func(string) []byte) (Package, error) {
	p := Package{
		Name:       string(fields("Package")),
		Version:    string(fields("Version")),
		Arch:       string(fields("Architecture")),
		PreDepends: string(fields("Pre-Depends")),
		Depends:    string(fields("Depends")),
		Provides:   string(fields("Provides")),
		Path:       string(fields("Filename")),
	}
	if p.Name == "" || p.Version == "" || p.Arch == "" || strings.ContainsAny(p.Name+p.Version+p.Arch, " \n\t\"") {
		return p, fmt.Errorf("package %q: want Package, Version and Architecture, got version %q, architecture %q", p.Name, p.Version, p.Arch)
	}
	if path.Clean("/"+p.Path) != "/"+p.Path || strings.ContainsAny(p.Path, " \n\t\"") {
		return p, fmt.Errorf("package %q: Filename %q: want a clean relative path", p.Name, p.Path)
	}
	var err error
	if p.Digest, err = parseDigest(string(fields("SHA256")), string(fields("Size"))); err != nil {
		return p, fmt.Errorf("package %q: %w", p.Name, err)
	}
	return p, nil
}
