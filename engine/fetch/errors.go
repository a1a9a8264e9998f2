package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
)

// Failed: no place had the bytes.
type Failed struct {
	Name   string // the last part of the first URL
	SHA256 string
	Tries  []Try // in the order in which they were made

	mirrors []string // the names of mirrors that were asked for or missed, sorted
}

// Try is one place and why it did not serve.
type Try struct {
	Place string // a URL without password, or a path
	Err   error
}

// add notes that a place had not what was wanted. A file that is not in a distdir
// is not worth a line.
func (f *Failed) add(p place, err error) {
	if p.distdir && errors.Is(err, fs.ErrNotExist) {
		return
	}
	f.Tries = append(f.Tries, Try{p.name, err})
	if i, known := slices.BinarySearch(f.mirrors, p.mirror); p.mirror != "" && !known {
		f.mirrors = slices.Insert(f.mirrors, i, p.mirror)
	}
}

// Error lists every place with its cause, one line each, and says what to do.
func (f *Failed) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fetch %s (sha256 %s): %s", f.Name, f.SHA256, f.summary())
	for _, t := range f.Tries {
		fmt.Fprintf(&b, "\n    %s: %v", t.Place, t.Err)
	}
	if f.unreachable() {
		b.WriteString("\n    note: no server could be reached; is there a network, or a proxy to name?")
	}
	b.WriteString("\n    hint: " + f.Hint())
	return b.String()
}

func (f *Failed) summary() string {
	switch len(f.Tries) {
	case 0:
		return "there is no place to look for it"
	case 1:
		return "the only place to look for it failed"
	}
	return fmt.Sprintf("all %d places to look for it failed", len(f.Tries))
}

// Hint says how to bring the bytes in.
func (f *Failed) Hint() string {
	var ways []string
	for _, m := range f.mirrors {
		ways = append(ways, fmt.Sprintf("name a mirror with --mirror %s=URL", m))
	}
	ways = append(ways, fmt.Sprintf("put %s into a directory and name that with --distdir DIR", f.Name))
	return strings.Join(ways, "; or ")
}

// Unwrap lets errors.Is and errors.As look into each cause.
func (f *Failed) Unwrap() []error {
	errs := make([]error, len(f.Tries))
	for i, t := range f.Tries {
		errs[i] = t.Err
	}
	return errs
}

// unreachable reports whether every server was tried in vain before it said a
// word.
func (f *Failed) unreachable() bool {
	servers := 0
	for _, t := range f.Tries {
		var op *net.OpError
		var dns *net.DNSError
		switch {
		case errors.As(t.Err, &dns), errors.As(t.Err, &op) && op.Op == "dial":
			servers++
		case strings.HasPrefix(t.Place, "http"):
			return false
		}
	}
	return servers > 0
}

// Mismatch: a place had other bytes than those wanted.
type Mismatch struct {
	Want, Got string // SHA-256
	Size      int64  // of what came
	WebPage   bool   // it was served as text/html
}

func (m *Mismatch) Error() string {
	s := fmt.Sprintf("got %d bytes with sha256 %s, want %s", m.Size, m.Got, m.Want)
	if m.WebPage {
		s += " (it looks like a web page, not like a file)"
	}
	return s
}

// StatusError: a server answered with something else than the bytes.
type StatusError struct {
	Code   int
	Status string // "404 Not Found"
}

func (e *StatusError) Error() string { return e.Status }

// localError is a trouble on this side: other places will not help.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func local(err error) error {
	if err == nil {
		return nil
	}
	return &localError{err}
}

// UnknownMirror: nobody said where the files of a mirror are.
type UnknownMirror struct{ Name string }

func (u *UnknownMirror) Error() string { return fmt.Sprintf("no mirror %q is known", u.Name) }
