package patch

import (
	"bytes"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// change is what a diff does to one file.
type change struct {
	line     int  // of the header in the patch, from 1
	git      bool // has the headers of git
	old, new name
	created  bool // the old file must not be there
	deleted  bool // nothing must be left
	from     from
	mode     mode // of the new file; 0 leaves it
	hunks    []hunk
	binary   *gitdiff.File // nil for text
}

// from says what becomes of the old file when the names differ.
type from uint8

const (
	edited from = iota
	renamed
	copied
)

// mode is a file mode as git writes it.
type mode uint32

const (
	modeFile       mode = 0o100644
	modeExecutable mode = 0o100755
	modeSymlink    mode = 0o120000
)

// hunk replaces lines that are there by others.
type hunk struct {
	line   int    // of the header in the patch, from 1
	header string // "@@ -1,3 +1,4 @@ main"
	old    span
	new    span
	lines  []line
}

// span is lines of a file; start counts from 1, and is 0 for a file that has no
// lines.
type span struct{ start, count int }

// line is one line of a hunk. Only the last line of a file may lack its newline.
type line struct {
	op   byte // ' ', '-' or '+'
	text []byte
}

// side is the lines of the hunk that the old file ('-') or the new file ('+') has.
func (h hunk) side(op byte) [][]byte {
	var lines [][]byte
	for _, l := range h.lines {
		if l.op == ' ' || l.op == op {
			lines = append(lines, l.text)
		}
	}
	return lines
}

// context counts the unchanged lines at both ends.
func (h hunk) context() (before, after int) {
	for before < len(h.lines) && h.lines[before].op == ' ' {
		before++
	}
	for after < len(h.lines) && h.lines[len(h.lines)-1-after].op == ' ' {
		after++
	}
	return before, after
}

// splitLines cuts after each newline.
func splitLines(b []byte) [][]byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	}
	return lines
}
