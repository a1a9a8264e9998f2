package elf

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

// Found is the first place in a file where a path of the build occurs.
type Found struct {
	Path   string // that was looked for
	Offset int64  // in the file
	Text   string // the readable text around it
}

// contextSize is how much text before and after a path is shown.
const contextSize = 100

// FindStrings looks for paths, such as "/build", in all bytes of r, and gives
// the first place of each. A path must stand for itself or begin a longer one:
// "/src" is found in "-I/src/x.h", not in "/usr/src", "$(top)/src" or "/srcs".
// The path "/tmp/cc" stands for gcc's temporary files, "/tmp/ccWcQ3Xf.s".
//
// The file is read once, in blocks; no path may be longer than 4096 bytes.
func FindStrings(r io.Reader, paths []string) ([]Found, error) {
	s := scanner{left: slices.Clone(paths)}
	for _, p := range paths {
		if p == "" || len(p) > maxNeedle {
			return nil, errors.New("a path to look for is empty or too long")
		}
	}
	for len(s.left) > 0 {
		more, err := s.fill(r)
		if err != nil {
			return nil, err
		}
		s.search(more)
		if !more {
			break
		}
		s.slide()
	}
	slices.SortFunc(s.found, func(a, b Found) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return s.found, nil
}

// scanner has a window on the file: what was searched already, as context, and
// what is to be searched. A place is only judged when the window has all of
// its path and context after it, or the file ends.
type scanner struct {
	left   []string // not found yet
	found  []Found
	window []byte
	offset int64 // of window in the file
	judged int   // bytes of window that were searched already
}

const (
	maxNeedle  = 4096
	windowSize = 256 << 10
	keep       = maxNeedle + contextSize
)

// fill makes the window full and reports whether the file goes on.
func (s *scanner) fill(r io.Reader) (more bool, err error) {
	have := len(s.window)
	s.window = slices.Grow(s.window, windowSize-have)[:windowSize]
	n, err := io.ReadFull(r, s.window[have:])
	s.window = s.window[:have+n]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return false, nil
	}
	return true, err
}

// slide drops what was judged, but for one context and the places at the end
// that were not.
func (s *scanner) slide() {
	n := len(s.window) - keep - contextSize
	s.window = s.window[:copy(s.window, s.window[n:])]
	s.offset += int64(n)
	s.judged = contextSize
}

func (s *scanner) search(more bool) {
	limit := len(s.window)
	if more {
		limit -= keep
	}
	s.left = slices.DeleteFunc(s.left, func(p string) bool {
		at := findPath(s.window, p, s.judged)
		if at < 0 || at >= limit {
			return false
		}
		s.found = append(s.found, Found{Path: p, Offset: s.offset + int64(at), Text: around(s.window, at, len(p))})
		return true
	})
}

// findPath finds p at or after from, where it is not a part of another name.
func findPath(b []byte, p string, from int) int {
	for {
		i := bytes.Index(b[from:], []byte(p))
		if i < 0 {
			return -1
		}
		at := from + i
		if beginsPath(b[:at]) && endsPath(p, b[at+len(p):]) {
			return at
		}
		from = at + 1
	}
}

// beginsPath reports whether a path can begin after before: not in the middle
// of another one, nor where another one is named or escaped, but behind an option
// such as -I and in file:///src.
func beginsPath(before []byte) bool {
	n := len(before)
	switch {
	case n == 0:
		return true
	case before[n-1] == '/':
		return bytes.HasSuffix(before, []byte("://"))
	case isNameByte(before[n-1]):
		return n >= 2 && before[n-2] == '-' && (n == 2 || !isNameByte(before[n-3]))
	}
	return strings.IndexByte(")}]*?~%@$\\", before[n-1]) < 0
}

// endsPath reports whether a path can end, or go on below it, before after.
func endsPath(p string, after []byte) bool {
	if p == temporary {
		return isTemporary(after)
	}
	return len(after) == 0 || !isNameByte(after[0])
}

// temporary begins the names of gcc's temporary files: six letters or digits and
// a suffix follow (libiberty/make-temp-file.c).
const temporary = "/tmp/cc"

func isTemporary(after []byte) bool {
	const random = 6
	if len(after) <= random || after[random] != '.' {
		return false
	}
	return !slices.ContainsFunc(after[:random], func(c byte) bool { return !isLetterOrDigit(c) })
}

func isNameByte(c byte) bool {
	return isLetterOrDigit(c) || c == '.' || c == '_' || c == '-' || c == '+'
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// around is the readable text around b[at:at+n].
func around(b []byte, at, n int) string {
	first, last := at, at+n
	for first > 0 && at-first < contextSize && isReadable(b[first-1]) {
		first--
	}
	for last < len(b) && last-at-n < contextSize && isReadable(b[last]) {
		last++
	}
	return string(b[first:last])
}

func isReadable(c byte) bool { return ' ' <= c && c < 0x7f }
