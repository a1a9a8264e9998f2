package disk

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
)

// WriteError: the store cannot take something because of the disk. Nothing of it
// has been left behind.
type WriteError struct {
	What string // "blob 9e0b…/4096"
	Dir  string // of the store
	Err  error
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("write %s to %s: %v", e.What, e.Dir, cause(e.Err))
	if h := e.Hint(); h != "" {
		s += "\n    hint: " + h
	}
	return s
}

func (e *WriteError) Unwrap() error { return e.Err }

// Hint is what to do about it, "" when there is nothing to say.
func (e *WriteError) Hint() string {
	switch {
	case errors.Is(e.Err, unix.ENOSPC):
		return "free space on that file system, or let appliance gc do it"
	case errors.Is(e.Err, unix.EDQUOT):
		return "your quota is used up: free space, let appliance gc do it, or keep the store elsewhere"
	case errors.Is(e.Err, unix.EFBIG):
		return "no file may be as large as that here: raise the limit (ulimit -f), or keep the store on another file system"
	case errors.Is(e.Err, unix.EROFS):
		return "the file system is read-only: keep the store elsewhere"
	case errors.Is(e.Err, unix.EACCES):
		return "check who owns " + e.Dir
	}
	return ""
}

// cause is the error number inside err: the temporary names around it help
// nobody.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// writing wraps a failure to write what.
func (s *Store) writing(what string, err error) error {
	var already *WriteError
	if err == nil || errors.As(err, &already) || !errors.As(err, new(unix.Errno)) {
		return err
	}
	return &WriteError{What: what, Dir: s.dir, Err: err}
}

func blobName(d digest.Digest) string { return fmt.Sprintf("blob %s…/%d", d.Short(), d.Size()) }

// VersionError: the directory holds a store of another format.
type VersionError struct {
	Dir       string
	Got, Want string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("store %s: got format %q, want %q; it belongs to another version of this program: keep the store elsewhere, or remove the directory",
		e.Dir, e.Got, e.Want)
}

// Refused: an output that a tree cannot carry.
type Refused struct {
	Path    string // as the caller named the output
	Problem string // "is a setuid program"
	Declare string // what to write in Starlark instead; "" if nothing helps
}

func (e *Refused) Error() string {
	s := fmt.Sprintf("output %s %s", quoteOdd(e.Path), e.Problem)
	if e.Declare != "" {
		s += "; " + e.Declare
	}
	return s
}

// quoteOdd quotes a path that would not print as it is.
func quoteOdd(p string) string {
	if q := fmt.Sprintf("%q", p); q != `"`+p+`"` {
		return q
	}
	return filepath.Clean(p)
}
