package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
)

// place is somewhere to look: a file, a URL of a server, or a URL that leads
// nowhere and why.
type place struct {
	name    string // for people, without passwords
	file    string // on this host
	url     string // http or https
	problem error
	mirror  string // the NAME of the mirror:// URL that it comes from
	distdir bool   // nobody said that the file is there
}

// places are where to look, in order.
func (f *Fetcher) places(urls []string) []place {
	var all []place
	seen := map[string]bool{}
	for _, dir := range f.o.Distdirs {
		for _, raw := range urls {
			name := urlBase(raw)
			file := filepath.Join(dir, name)
			if name == "" || seen[file] {
				continue
			}
			seen[file] = true
			all = append(all, place{name: file, file: file, distdir: true})
		}
	}
	for _, raw := range urls {
		for _, p := range f.resolve(raw) {
			if !seen[p.name+p.url] {
				seen[p.name+p.url] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// resolve turns one URL into places: several for a mirror URL.
func (f *Fetcher) resolve(raw string) []place {
	rest, ok := strings.CutPrefix(raw, "mirror://")
	if !ok {
		return []place{parsePlace(raw)}
	}
	name, file, ok := strings.Cut(rest, "/")
	bases := f.o.Mirrors[name]
	switch {
	case !ok || name == "" || file == "":
		return []place{{name: raw, problem: errors.New("want mirror://NAME/path")}}
	case len(bases) == 0:
		return []place{{name: raw, problem: &UnknownMirror{name}, mirror: name}}
	}
	all := make([]place, len(bases))
	for i, base := range bases {
		all[i] = parsePlace(strings.TrimSuffix(base, "/") + "/" + file)
		all[i].mirror = name
	}
	return all
}

func parsePlace(raw string) place {
	u, err := url.Parse(raw)
	if err != nil {
		return place{name: fmt.Sprintf("%q", raw), problem: errors.New("is not a URL")}
	}
	p := place{name: u.Redacted()}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			p.problem = errors.New("names no host")
		}
		p.url = raw
	case "file":
		p.file = filepath.FromSlash(u.Path)
		if u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) {
			p.problem = errors.New("want file:///absolute/path")
		}
	default:
		p.problem = fmt.Errorf("scheme %q: want http, https, file or mirror", u.Scheme)
	}
	return p
}

// urlBase is the last part of the path of a URL, "" if that is no file name.
func urlBase(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	switch name := path.Base(u.Path); name {
	case ".", "/", "..":
		return ""
	default:
		return name
	}
}

// baseName is how errors call what is fetched.
func baseName(urls []string, otherwise string) string {
	for _, raw := range urls {
		if name := urlBase(raw); name != "" {
			return name
		}
	}
	return otherwise
}

// takeFile puts a file of this host into the store, if it is the right one.
func (f *Fetcher) takeFile(ctx context.Context, p place, want string) (digest.Digest, error) {
	file, err := os.Open(p.file)
	if err != nil {
		return digest.Digest{}, withoutPath(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return digest.Digest{}, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return digest.Digest{}, errors.New("is not a file")
	}
	return f.keep(ctx, file, want)
}

// keep puts the bytes of a file into the store if they are those that are
// wanted; a *Mismatch otherwise.
func (f *Fetcher) keep(ctx context.Context, file *os.File, want string) (digest.Digest, error) {
	d, err := digest.OfReader(file)
	if err != nil {
		return digest.Digest{}, withoutPath(err)
	}
	if d.Hex() != want {
		return digest.Digest{}, &Mismatch{Want: want, Got: d.Hex(), Size: d.Size()}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return digest.Digest{}, local(err)
	}
	return d, local(f.cas.Put(ctx, d, file))
}

// withoutPath is the error number alone: the place is named beside it.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
