package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"
)

const (
	// maxDocument bounds a document as it is sent, in bytes.
	maxDocument = 256 << 20
	// documentTimeout is how long all of one document may take.
	documentTimeout = 10 * time.Minute
)

// Document reads a file whose digest nobody knows beforehand: an index whose
// signature speaks for it. Places are tried in order, each once. A file that no
// place has is fs.ErrNotExist; any other trouble comes before that.
func (f *Fetcher) Document(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	var problems []error
	for _, p := range f.resolve(url) {
		b, err := f.documentFrom(ctx, p)
		if err == nil {
			return b, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", p.name, err))
	}
	for _, err := range problems {
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, problems[0]
}

func (f *Fetcher) documentFrom(ctx context.Context, p place) ([]byte, error) {
	switch {
	case p.problem != nil:
		return nil, p.problem
	case p.file != "":
		return os.ReadFile(p.file)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", f.o.UserAgent)
	answer, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return readBounded(answer.Body)
	case http.StatusNotFound, http.StatusGone:
		return nil, fs.ErrNotExist
	}
	return nil, errors.New(answer.Status)
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(b) > maxDocument {
		return nil, fmt.Errorf("more than %d bytes", int64(maxDocument))
	}
	return b, err
}
