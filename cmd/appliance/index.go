package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/diag"
)

const (
	// maxIndexSize bounds an index as it is sent; Debian's largest has 10 MB.
	maxIndexSize = 256 << 20
	// answerTimeout is how long a server may think.
	answerTimeout = 30 * time.Second
	// indexTimeout is how long all of one index may take.
	indexTimeout = 10 * time.Minute
)

// indexReader reads files of archives whose digest nobody knows beforehand: their
// signature speaks for them. All else is fetched by package fetch.
type indexReader struct {
	bases  map[string][]string // of mirrors
	client *http.Client
}

func newIndexReader(bases map[string][]string, proxy func(*http.Request) (*url.URL, error)) *indexReader {
	return &indexReader{bases, &http.Client{
		Timeout:   indexTimeout,
		Transport: &http.Transport{Proxy: proxy, ResponseHeaderTimeout: answerTimeout, ForceAttemptHTTP2: true},
	}}
}

// read gets a file from the first mirror that has it. One that no mirror has is
// fs.ErrNotExist.
func (r *indexReader) read(ctx context.Context, mirrorURL string) ([]byte, error) {
	name, path, ok := strings.Cut(strings.TrimPrefix(mirrorURL, "mirror://"), "/")
	if !ok || !strings.HasPrefix(mirrorURL, "mirror://") {
		return nil, fmt.Errorf("%s: want mirror://NAME/path", mirrorURL)
	}
	if len(r.bases[name]) == 0 {
		return nil, &diag.Problem{
			Kind: diag.Environment, Subject: mirrorURL, Text: "the mirror " + name + " is not known",
			Hint: fmt.Sprintf("--mirror %s=URL or %s%s names it", name, mirrorPrefix, strings.ToUpper(name)),
		}
	}
	var problems []error
	for _, base := range r.bases[name] {
		b, err := r.get(ctx, base+"/"+path)
		if err == nil {
			return b, nil
		}
		problems = append(problems, err)
	}
	return nil, worst(problems)
}

// worst is fs.ErrNotExist only if that is all that went wrong.
func worst(problems []error) error {
	for _, err := range problems {
		if !errors.Is(err, fs.ErrNotExist) {
			return &diag.Problem{Kind: diag.Environment, Text: err.Error(), Cause: err}
		}
	}
	return problems[0]
}

func (r *indexReader) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %w", url, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxIndexSize+1))
	if err == nil && len(b) > maxIndexSize {
		err = fmt.Errorf("more than %s", byteSize(maxIndexSize))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return b, nil
}
