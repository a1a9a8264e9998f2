package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
)

// download gets the bytes from a server. What came before a trouble stays in the
// partial file: the next try, or the next server, goes on from there. All of them
// are to send the same bytes, and if they do not the digest tells.
func (f *Fetcher) download(ctx context.Context, p place, want string, progress Progress) (digest.Digest, error) {
	part, err := openPartial(f.o.Partial, want)
	if err != nil {
		return digest.Digest{}, local(err)
	}
	defer part.close()
	g := &getter{Fetcher: f, url: p.url, part: part, progress: progress}
	if err := g.all(ctx); err != nil {
		return digest.Digest{}, err
	}
	d, err := f.verify(ctx, g, want)
	if wrong := (*Mismatch)(nil); !errors.As(err, &wrong) || !g.resumed {
		return d, err
	}
	// The beginning may have come from elsewhere, and be wrong: once more, alone.
	if err := g.all(ctx); err != nil {
		return digest.Digest{}, err
	}
	return f.verify(ctx, g, want)
}

// verify puts the complete partial file into the store. Bytes that are wrong, and
// those that are in the store, are not kept.
func (f *Fetcher) verify(ctx context.Context, g *getter, want string) (digest.Digest, error) {
	if _, err := g.part.file.Seek(0, io.SeekStart); err != nil {
		return digest.Digest{}, local(err)
	}
	d, err := f.keep(ctx, g.part.file, want)
	if wrong := (*Mismatch)(nil); errors.As(err, &wrong) {
		wrong.WebPage = g.webPage
		return d, errors.Join(err, g.part.reset())
	}
	if err == nil {
		g.part.done()
	}
	return d, err
}

// getter gets one URL into one partial file.
type getter struct {
	*Fetcher
	url      string
	part     *partial
	progress Progress

	validator string // for If-Range: of the answer that the bytes came with
	resumed   bool   // some bytes came with an earlier answer
	webPage   bool   // the last answer was text/html
}

// all gets the file, trying again after troubles that may pass.
func (g *getter) all(ctx context.Context) error {
	pause := g.o.Backoff
	for try := 1; ; try++ {
		err := g.once(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !passing(err) || try > g.o.Retries {
			return counted(err, try)
		}
		if err := sleep(ctx, max(pause, retryAfter(err))); err != nil {
			return err
		}
		pause *= 2
	}
}

// counted says how often something was tried.
func counted(err error, tries int) error {
	if tries == 1 {
		return err
	}
	return fmt.Errorf("%w (%d tries)", err, tries)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// stalled: a server has sent nothing for some time.
type stalled struct{ after time.Duration }

func (s *stalled) Error() string { return fmt.Sprintf("nothing came for %v", s.after) }

// once makes one request for what is lacking.
func (g *getter) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(g.o.StallTimeout, func() { cancel(&stalled{g.o.StallTimeout}) })
	defer watch.Stop()

	offset, err := g.part.size()
	if err != nil {
		return local(err)
	}
	answer, err := g.ask(ctx, offset)
	if err != nil {
		return troubleOf(ctx, err)
	}
	defer answer.Body.Close()
	start, err := g.start(answer, offset)
	if err != nil {
		return err
	}
	g.resumed = start > 0
	g.webPage = isWebPage(answer)
	g.validator = validator(answer)
	total := int64(0)
	if answer.ContentLength >= 0 {
		total = start + answer.ContentLength
	}
	return g.receive(ctx, answer.Body, start, total, watch)
}

func (g *getter) ask(ctx context.Context, offset int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", g.o.UserAgent)
	// Otherwise Go unpacks what servers declare to be compressed, such as .tar.gz.
	request.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if g.validator != "" {
			request.Header.Set("If-Range", g.validator)
		}
	}
	return g.client.Do(request)
}

// errRestart: the server will not go on from where we are. The partial file has been
// emptied.
var errRestart = errors.New("the server sent another part of the file than the one that was asked for")

// start is the offset at which the body of an answer belongs (RFC 9110, section
// 14). What does not fit is thrown away.
func (g *getter) start(answer *http.Response, offset int64) (int64, error) {
	switch answer.StatusCode {
	case http.StatusOK:
		return 0, local(g.part.reset())
	case http.StatusPartialContent:
		var from, to int64
		_, err := fmt.Sscanf(answer.Header.Get("Content-Range"), "bytes %d-%d/", &from, &to)
		if err == nil && from == offset && offset > 0 {
			return offset, nil
		}
		return 0, errors.Join(errRestart, local(g.part.reset()))
	case http.StatusRequestedRangeNotSatisfiable:
		return g.beyond(answer, offset)
	}
	return 0, refusal(answer)
}

// beyond handles 416: there is nothing after offset. Either the file is complete
// or it is not this file.
func (g *getter) beyond(answer *http.Response, offset int64) (int64, error) {
	var total int64
	if _, err := fmt.Sscanf(answer.Header.Get("Content-Range"), "bytes */%d", &total); err == nil && total == offset {
		answer.Body = http.NoBody
		answer.ContentLength = 0
		return offset, nil
	}
	return 0, errors.Join(errRestart, local(g.part.reset()))
}

// receive appends the body to the partial file.
func (g *getter) receive(ctx context.Context, body io.Reader, done, total int64, watch *time.Timer) error {
	buffer := make([]byte, 64<<10)
	g.progress(done, total)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			watch.Reset(g.o.StallTimeout)
			if _, err := g.part.file.Write(buffer[:n]); err != nil {
				return local(err)
			}
			done += int64(n)
			g.progress(done, total)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return troubleOf(ctx, err)
		}
	}
}

// troubleOf is the reason behind a failed request: the stall that we cut off, or
// the error without the URL, which is named beside it.
func troubleOf(ctx context.Context, err error) error {
	if stall := (*stalled)(nil); errors.As(context.Cause(ctx), &stall) {
		return stall
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the connection ended too early: %w", err)
	}
	return err
}

// busy is a refusal that says when to come back.
type busy struct {
	StatusError
	after time.Duration
}

func (b *busy) Unwrap() error { return &b.StatusError }

func refusal(answer *http.Response) error {
	status := StatusError{answer.StatusCode, answer.Status}
	after := parseRetryAfter(answer.Header.Get("Retry-After"), answer.Header.Get("Date"))
	if after > 0 {
		return &busy{status, after}
	}
	return &status
}

// parseRetryAfter reads seconds or a date (RFC 9110, section 10.2.3); the date is
// held against the server's own clock.
func parseRetryAfter(value, date string) time.Duration {
	if n, err := strconv.Atoi(value); err == nil && n >= 0 {
		return min(time.Duration(min(n, 3600))*time.Second, MaxRetryAfter)
	}
	then, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	return min(max(then.Sub(now), 0), MaxRetryAfter)
}

func retryAfter(err error) time.Duration {
	var b *busy
	if errors.As(err, &b) {
		return b.after
	}
	return 0
}

// passing reports whether trying again may help.
func passing(err error) bool {
	var status *StatusError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var redirect *redirectError
	var here *localError
	switch {
	case errors.As(err, &status):
		return status.Code >= 500 && status.Code != http.StatusNotImplemented ||
			status.Code == http.StatusRequestTimeout || status.Code == http.StatusTooManyRequests || status.Code == http.StatusTooEarly
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &cert), errors.As(err, &redirect), errors.As(err, &here):
		return false
	}
	return true
}

// redirectError: a server sends us where we do not go.
type redirectError struct{ problem string }

func (e *redirectError) Error() string { return e.problem }

func checkRedirect(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	switch {
	case len(via) >= maxRedirects:
		return &redirectError{fmt.Sprintf("more than %d redirects, the last one to %s", maxRedirects, next.URL.Redacted())}
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		return &redirectError{fmt.Sprintf("redirects from https to %s, which is not protected", next.URL.Redacted())}
	}
	return nil
}

// validator is what If-Range may hold: a strong ETag or a date.
func validator(answer *http.Response) string {
	if tag := answer.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return answer.Header.Get("Last-Modified")
}

func isWebPage(answer *http.Response) bool {
	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	return err == nil && kind == "text/html"
}
