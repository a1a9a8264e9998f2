package fetch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

// Options say where and how to fetch. Only Partial is required.
type Options struct {
	// Mirrors are the base URLs, without a final slash, for each NAME in
	// mirror://NAME/path, best first.
	Mirrors map[string][]string

	// Distdirs are directories with downloaded files, looked into first, by the last
	// part of each URL.
	Distdirs []string

	// Partial is a directory for what has been downloaded so far. It is made when
	// it is needed. Several processes may share it.
	Partial string

	// Retries is how often a URL is tried again after a trouble that may pass;
	// default 3, negative for none.
	Retries int

	// Backoff is the first pause before trying again, which doubles each time;
	// default one second. A server's Retry-After goes before it, up to
	// MaxRetryAfter.
	Backoff time.Duration

	// StallTimeout is how long a server may send nothing; default 30 seconds.
	StallTimeout time.Duration

	// UserAgent is what servers are told; default "appliance".
	UserAgent string

	// Proxy chooses a proxy for a request, as http.Transport.Proxy does; nil means
	// none. It is not used when there is a Transport.
	Proxy func(*http.Request) (*url.URL, error)

	// Transport carries out requests; default is Go's, with Proxy.
	Transport http.RoundTripper
}

const (
	// MaxRetryAfter bounds the pause that a server may ask for.
	MaxRetryAfter = time.Minute

	maxRedirects = 10
)

func (o Options) withDefaults() Options {
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = 30 * time.Second
	}
	if o.UserAgent == "" {
		o.UserAgent = "appliance"
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy:               o.Proxy,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     time.Minute,
			TLSHandshakeTimeout: o.StallTimeout,
		}
	}
	return o
}

// Fetcher fetches into one store. It may be used by many goroutines.
type Fetcher struct {
	cas    store.CAS
	o      Options
	client *http.Client
}

// New returns a fetcher into cas.
func New(cas store.CAS, o Options) *Fetcher {
	o = o.withDefaults()
	return &Fetcher{cas, o, &http.Client{Transport: o.Transport, CheckRedirect: checkRedirect}}
}

// Progress hears how many bytes are here and how many there will be; total is 0
// while that is unknown. done goes back when a server cannot resume.
type Progress func(done, total int64)

// Fetch finds the bytes with that SHA-256 and puts them into the store. URLs are
// http, https, file or mirror ones, tried in order; progress may be nil. When no
// place has them the error is a *Failed, which lists the places.
func (f *Fetcher) Fetch(ctx context.Context, urls []string, sha256 [digest.Size]byte, progress Progress) (digest.Digest, error) {
	if progress == nil {
		progress = func(done, total int64) {}
	}
	want := hex.EncodeToString(sha256[:])
	failed := &Failed{Name: baseName(urls, want), SHA256: want}
	for _, p := range f.places(urls) {
		d, err := f.from(ctx, p, want, progress)
		if err == nil {
			return d, nil
		}
		if ctx.Err() != nil {
			return digest.Digest{}, context.Cause(ctx)
		}
		if here := (*localError)(nil); errors.As(err, &here) {
			return digest.Digest{}, fmt.Errorf("fetch %s: %w", failed.Name, here.err)
		}
		failed.add(p, err)
	}
	return digest.Digest{}, failed
}

// from fetches from one place.
func (f *Fetcher) from(ctx context.Context, p place, want string, progress Progress) (digest.Digest, error) {
	switch {
	case p.problem != nil:
		return digest.Digest{}, p.problem
	case p.file != "":
		return f.takeFile(ctx, p, want)
	}
	return f.download(ctx, p, want, progress)
}
