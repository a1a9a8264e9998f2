package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/fetch"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/mem"
)

// content is what the servers of these tests have.
var content = func() []byte {
	b := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}()

var sha256 = digest.Of(content).Hash()

// server answers the n-th request (from 0) with the n-th handler, and all later
// ones with the last; it notes what was asked for.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string // the Range header of each request, "-" for none
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(s.handler(handlers))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handler(handlers []http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := min(len(s.ranges), len(handlers)-1)
		asked := r.Header.Get("Range")
		if asked == "" {
			asked = "-"
		}
		s.ranges = append(s.ranges, asked)
		s.mu.Unlock()
		handlers[n](w, r)
	}
}

func (s *server) wantRanges(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.ranges, ", "); got != strings.Join(want, ", ") {
		t.Errorf("requests: got %s; want %s", got, strings.Join(want, ", "))
	}
}

// whole serves the content as good servers do.
func whole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"tag"`)
	http.ServeContent(w, r, "file.tar", time.Time{}, bytes.NewReader(content))
}

// ignoresRange serves all of it, whatever was asked for.
func ignoresRange(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Range")
	whole(w, r)
}

// breaksAt serves n bytes of what was promised and hangs up.
func breaksAt(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", code) }
}

func text(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body)
	}
}

// fetcher is one with short pauses; edit may change its options.
func fetcher(t *testing.T, cas store.CAS, edit func(*fetch.Options)) *fetch.Fetcher {
	o := fetch.Options{Partial: t.TempDir(), Backoff: time.Millisecond}
	if edit != nil {
		edit(&o)
	}
	return fetch.New(cas, o)
}

// wantContent fetches, and checks that the store has the bytes and nothing is left
// of the download.
func wantContent(t *testing.T, urls ...string) {
	t.Helper()
	wantContentWith(t, nil, urls...)
}

func wantContentWith(t *testing.T, edit func(*fetch.Options), urls ...string) {
	t.Helper()
	cas, partial := mem.New(), t.TempDir()
	f := fetcher(t, cas, func(o *fetch.Options) {
		o.Partial = partial
		if edit != nil {
			edit(o)
		}
	})
	d, err := f.Fetch(t.Context(), urls, sha256, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Bytes(t.Context(), cas, d)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the store has %d bytes, %v", len(got), err)
	}
	if left, err := os.ReadDir(partial); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// wantFailure fetches in vain and returns the error as text, with the address of
// each server replaced by a name that does not change.
func wantFailure(t *testing.T, edit func(*fetch.Options), servers []*server, urls ...string) string {
	t.Helper()
	cas := mem.New()
	_, err := fetcher(t, cas, edit).Fetch(t.Context(), urls, sha256, nil)
	var failed *fetch.Failed
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a *fetch.Failed", err)
	}
	if missing, _ := cas.Missing(t.Context(), []digest.Digest{digest.Of(content)}); len(missing) == 0 {
		t.Error("the store has the bytes all the same")
	}
	s := strings.ReplaceAll(err.Error(), fmt.Sprintf("%x", sha256), "WANT")
	for i, server := range servers {
		s = strings.ReplaceAll(s, strings.TrimPrefix(server.URL, "http://"), fmt.Sprintf("server%d", i))
	}
	return s
}

func TestDownload(t *testing.T) {
	s := serve(t, whole)
	wantContent(t, s.URL+"/file.tar")
	s.wantRanges(t, "-")
}

func TestProgress(t *testing.T) {
	s := serve(t, breaksAt(100_000), whole)
	var done, total int64
	_, err := fetcher(t, mem.New(), nil).Fetch(t.Context(), []string{s.URL}, sha256, func(d, n int64) {
		if d < done {
			t.Errorf("went back from %d to %d though the server resumes", done, d)
		}
		done, total = d, n
	})
	if size := int64(len(content)); err != nil || done != size || total != size {
		t.Errorf("ended at %d of %d, %v; want %d", done, total, err, size)
	}
}

// A connection that breaks costs what had not come yet, not the whole.
func TestResume(t *testing.T) {
	s := serve(t, breaksAt(100_000), breaksAt(0), whole)
	wantContent(t, s.URL)
	s.wantRanges(t, "-", "bytes=100000-", "-")
	s = serve(t, breaksAt(100_000), whole)
	wantContent(t, s.URL)
	s.wantRanges(t, "-", "bytes=100000-")
}

// Servers that cannot resume, or do it wrongly, cost time and nothing else.
func TestBadRanges(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"ignored": ignoresRange,
		"another part": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=50000-")
			whole(w, r)
		},
		"no Content-Range": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			w.Write(content[100_000:])
		},
		"other bytes": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 100000-%d/%d", len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(make([]byte, len(content)-100_000))
		},
		"416":            status(http.StatusRequestedRangeNotSatisfiable),
		"changed entity": func(w http.ResponseWriter, r *http.Request) { r.Header.Set("If-Range", `"other"`); whole(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			wantContent(t, serve(t, breaksAt(100_000), second, whole).URL)
		})
	}
}

// What an earlier process downloaded is not downloaded again; if it is rubbish, it
// does no harm.
func TestLeftovers(t *testing.T) {
	for name, c := range map[string]struct {
		left   []byte
		ranges []string
	}{
		"beginning":      {content[:250_000], []string{"bytes=250000-"}},
		"all of it":      {content, []string{"bytes=300000-"}},
		"rubbish":        {make([]byte, 1000), []string{"bytes=1000-", "-"}},
		"longer rubbish": {make([]byte, 400_000), []string{"bytes=400000-", "-"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, whole)
			wantContentWith(t, func(o *fetch.Options) {
				if err := os.WriteFile(filepath.Join(o.Partial, fmt.Sprintf("%x", sha256)), c.left, 0o644); err != nil {
					t.Fatal(err)
				}
			}, s.URL)
			s.wantRanges(t, c.ranges...)
		})
	}
}

// Pressing Ctrl-C in a long download keeps what has come.
func TestCancelKeepsPartial(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(content[:100_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	partial := t.TempDir()
	f := fetcher(t, mem.New(), func(o *fetch.Options) { o.Partial = partial })
	_, err := f.Fetch(ctx, []string{s.URL}, sha256, func(done, _ int64) {
		if done == 100_000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	left, err := os.ReadFile(filepath.Join(partial, fmt.Sprintf("%x", sha256)))
	if err != nil || !bytes.Equal(left, content[:100_000]) {
		t.Errorf("kept %d bytes, %v; want 100000", len(left), err)
	}
}

// A second mirror goes on where the first one died.
func TestResumeElsewhere(t *testing.T) {
	first := serve(t, breaksAt(200_000), status(http.StatusNotFound))
	second := serve(t, whole)
	wantContentWith(t, func(o *fetch.Options) {
		o.Mirrors = map[string][]string{"m": {first.URL + "/a", second.URL + "/b/"}}
	}, "mirror://m/pool/file.tar")
	first.wantRanges(t, "-", "bytes=200000-")
	second.wantRanges(t, "bytes=200000-")
}

// Troubles that pass are waited for; those that do not are not.
func TestRetries(t *testing.T) {
	for code, again := range map[int]bool{
		500: true, 502: true, 503: true, 504: true, 429: true, 408: true,
		400: false, 401: false, 403: false, 404: false, 410: false, 501: false,
	} {
		s := serve(t, status(code), whole)
		_, err := fetcher(t, mem.New(), nil).Fetch(t.Context(), []string{s.URL}, sha256, nil)
		if again != (err == nil) {
			t.Errorf("status %d: got %v", code, err)
		}
	}
}

// A server that is compressed on the way must not be unpacked: the digest is that
// of the archive.
func TestNoTransparentUnpacking(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		whole(w, r)
	})
	wantContent(t, s.URL)
}

func TestLocalFiles(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	good, bad := filepath.Join(dir, "file.tar"), filepath.Join(dir, "other.tar")
	if err := errors.Join(os.WriteFile(good, content, 0o644), os.WriteFile(bad, []byte("other"), 0o644)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, whole)
	wantContent(t, "file://"+good)
	distdirs := func(o *fetch.Options) { o.Distdirs = []string{empty, dir} }
	wantContentWith(t, distdirs, s.URL+"/x/file.tar?query")
	s.wantRanges(t)
	wantContentWith(t, distdirs, s.URL+"/x/other.tar")
	s.wantRanges(t, "-")
}

// What a person reads when nothing worked: every place with its cause, and what to
// do about it.
func TestFailureText(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "busybox.tar"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	gone := serve(t, status(http.StatusNotFound))
	down := serve(t, status(http.StatusServiceUnavailable))
	page := serve(t, text("text/html; charset=utf-8", "<html>Welcome to the hotel</html>"))
	short := serve(t, text("application/octet-stream", "short"))
	got := wantFailure(t, func(o *fetch.Options) {
		o.Retries = 2
		o.Distdirs = []string{dir}
		o.Mirrors = map[string][]string{"debian": {"http://user:secret@" + strings.TrimPrefix(short.URL, "http://") + "/debian"}}
	}, []*server{gone, down, page, short},
		gone.URL+"/dl/busybox.tar", down.URL+"/busybox.tar", page.URL+"/busybox.tar",
		"mirror://debian/pool/busybox.tar", "mirror://gnu/busybox.tar", "ftp://ftp.example.org/busybox.tar",
		"file:///nonexistent/busybox.tar")
	want := `fetch busybox.tar (sha256 WANT): all 8 places to look for it failed
    ` + dir + `/busybox.tar: got 3 bytes with sha256 ` + digest.Of([]byte("old")).Hex() + `, want WANT
    http://server0/dl/busybox.tar: 404 Not Found
    http://server1/busybox.tar: 503 Service Unavailable (3 tries)
    http://server2/busybox.tar: got 33 bytes with sha256 ` + digest.Of([]byte("<html>Welcome to the hotel</html>")).Hex() + `, want WANT (it looks like a web page, not like a file)
    http://user:xxxxx@server3/debian/pool/busybox.tar: got 5 bytes with sha256 ` + digest.Of([]byte("short")).Hex() + `, want WANT
    mirror://gnu/busybox.tar: no mirror "gnu" is known
    ftp://ftp.example.org/busybox.tar: scheme "ftp": want http, https, file or mirror
    file:///nonexistent/busybox.tar: no such file or directory
    hint: name a mirror with --mirror debian=URL; or name a mirror with --mirror gnu=URL; or put busybox.tar into a directory and name that with --distdir DIR`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Without a network it is not the fault of the mirrors.
func TestUnreachable(t *testing.T) {
	s := serve(t, whole)
	s.Close()
	got := wantFailure(t, func(o *fetch.Options) { o.Retries = -1 }, []*server{s}, s.URL+"/a.tar")
	want := `fetch a.tar (sha256 WANT): the only place to look for it failed
    http://server0/a.tar: dial tcp server0: connect: connection refused
    note: no server could be reached; is there a network, or a proxy to name?
    hint: put a.tar into a directory and name that with --distdir DIR`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNoURL(t *testing.T) {
	got := wantFailure(t, nil, nil)
	if !strings.HasPrefix(got, "fetch WANT (sha256 WANT): there is no place to look for it\n") {
		t.Errorf("got %s", got)
	}
}

func TestRedirects(t *testing.T) {
	target := serve(t, whole)
	wantContent(t, serve(t, http.RedirectHandler(target.URL, http.StatusFound).ServeHTTP).URL)

	loop := serve(t, http.RedirectHandler("/again", http.StatusFound).ServeHTTP)
	got := wantFailure(t, nil, []*server{loop}, loop.URL)
	if want := "http://server0: more than 10 redirects, the last one to http://server0/again\n"; !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// Whoever says https does not get a page that anybody on the way could have put
// there, even though the digest would tell.
func TestNoDowngrade(t *testing.T) {
	plain := serve(t, whole)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/x", http.StatusFound))
	t.Cleanup(secure.Close)
	got := wantFailure(t, func(o *fetch.Options) { o.Transport = secure.Client().Transport }, []*server{plain}, secure.URL)
	if want := ": redirects from https to http://server0/x, which is not protected\n"; !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	plain.wantRanges(t)
}

// Two builds that want the same file at the same time both get it.
func TestConcurrent(t *testing.T) {
	s := serve(t, whole)
	partial := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			f := fetcher(t, mem.New(), func(o *fetch.Options) { o.Partial = partial })
			if _, err := f.Fetch(context.Background(), []string{s.URL}, sha256, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if left, err := os.ReadDir(partial); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A full disk here is not the fault of any mirror.
func TestLocalTrouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, whole)
	f := fetcher(t, mem.New(), func(o *fetch.Options) { o.Partial = filepath.Join(file, "below") })
	_, err := f.Fetch(t.Context(), []string{s.URL + "/a.tar"}, sha256, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "fetch a.tar: mkdir ") {
		t.Errorf("got %v", err)
	}
	s.wantRanges(t)
}

// transport is a server without a network, for tests in which time is not real.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, code int, body io.Reader, header http.Header) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), StatusCode: code,
		Header: header, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

// untilCancelled is a body, or a connection, from which nothing comes.
type untilCancelled struct{ context.Context }

func (u untilCancelled) Read([]byte) (int, error) {
	<-u.Done()
	return 0, u.Err()
}

// A server that falls silent is given up after some time, be it before or in the
// middle of its answer.
func TestStall(t *testing.T) {
	for name, hang := range map[string]transport{
		"before": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"in the middle": func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader("some"), untilCancelled{r.Context()})
			return answer(r, 200, body, http.Header{}), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got := wantFailure(t, func(o *fetch.Options) {
					o.Transport, o.Retries, o.StallTimeout, o.Backoff = hang, 2, 20*time.Second, time.Second
				}, nil, "http://example.org/f")
				if want := "http://example.org/f: nothing came for 20s (3 tries)\n"; !strings.Contains(got, want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
				if took := time.Since(began); took != 3*20*time.Second+time.Second+2*time.Second {
					t.Errorf("took %v, want three stalls and pauses of 1 s and 2 s", took)
				}
			})
		})
	}
}

// A slow server is not a stalled one.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantContentWith(t, func(o *fetch.Options) {
			o.StallTimeout = 10 * time.Second
			o.Transport = transport(func(r *http.Request) (*http.Response, error) {
				return answer(r, 200, &drip{rest: content}, http.Header{}), nil
			})
		}, "http://example.org/f")
	})
}

// drip gives 10,000 bytes every nine seconds.
type drip struct{ rest []byte }

func (d *drip) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, io.EOF
	}
	time.Sleep(9 * time.Second) // not a real one: see synctest
	n := copy(p, d.rest[:min(len(d.rest), 10_000)])
	d.rest = d.rest[n:]
	return n, nil
}

// A server may say when to come back, within reason.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		header http.Header
		want   time.Duration
	}{
		{http.Header{}, time.Second},
		{http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		{http.Header{"Retry-After": {"0"}}, time.Second},
		{http.Header{"Retry-After": {"86400"}}, fetch.MaxRetryAfter},
		{http.Header{"Retry-After": {"99999999999999999999"}}, time.Second},
		{http.Header{"Retry-After": {"soon"}}, time.Second},
		{http.Header{"Retry-After": {"Wed, 21 Oct 2015 07:28:00 GMT"}, "Date": {"Wed, 21 Oct 2015 07:27:30 GMT"}}, 30 * time.Second},
		{http.Header{"Retry-After": {"Wed, 21 Oct 2015 07:28:00 GMT"}}, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := true
			began := time.Now()
			wantContentWith(t, func(o *fetch.Options) {
				o.Backoff = time.Second
				o.Transport = transport(func(r *http.Request) (*http.Response, error) {
					if first {
						first = false
						return answer(r, 503, strings.NewReader(""), c.header), nil
					}
					return answer(r, 200, bytes.NewReader(content), http.Header{}), nil
				})
			}, "http://example.org/f")
			if took := time.Since(began); took != c.want {
				t.Errorf("%v: waited %v, want %v", c.header, took, c.want)
			}
		})
	}
}
