package patch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// report tells people where a hunk went, if not where its header says.
type report func(format string, args ...any)

// applyHunks gives the new content of a file.
func applyHunks(content []byte, hunks []hunk, maxFuzz int, log report) ([]byte, error) {
	s := &searcher{lines: splitLines(content)}
	var out bytes.Buffer
	for i, h := range hunks {
		p, ok := s.find(h, maxFuzz)
		if !ok {
			return nil, s.explain(i+1, h, maxFuzz)
		}
		if p.offset != s.offset || p.fuzz > 0 {
			log("hunk %d applies at line %d (offset %d, fuzz %d)", i+1, p.at+1, p.offset, p.fuzz)
		}
		s.write(&out, h, p)
	}
	s.copy(&out, len(s.lines))
	return out.Bytes(), nil
}

// copy moves the lines up to index end to the output.
func (s *searcher) copy(out *bytes.Buffer, end int) {
	for ; s.frozen < end; s.frozen++ {
		put(out, s.lines[s.frozen])
	}
}

// put adds a line after the one before, which may have been the last of a file
// without a newline.
func put(out *bytes.Buffer, line []byte) {
	if b := out.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
		out.WriteByte('\n')
	}
	out.Write(line)
}

// write moves h to the output, up to its last change. Context comes from the
// file, which matters where it differs.
func (s *searcher) write(out *bytes.Buffer, h hunk, p place) {
	s.offset = p.offset
	at := p.at
	for _, l := range h.lines {
		switch l.op {
		case ' ':
			at++
		case '-':
			s.copy(out, at)
			at++
			s.frozen = at
		case '+':
			s.copy(out, at)
			put(out, l.text)
		}
	}
}

// explain finds out why the hunk has no place: the first line that differs, at
// the place that is most like it.
func (s *searcher) explain(number int, h hunk, maxFuzz int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "hunk %d, %q of line %d, does not apply", number, h.header, h.line)
	want := h.side('-')
	at := s.nearest(want, max(h.old.start-1, 0)+s.offset)
	b.WriteString(": " + s.difference(want, at))
	switch {
	case s.has(h.side('+')):
		b.WriteString("; what it would make is there already")
	case s.hasWithoutReturns(want):
		b.WriteString("; but for line ends (CR LF or LF) it would apply")
	default:
		if p, ok := s.find(h, maxFuzz+3); ok {
			fmt.Fprintf(&b, "; with fuzz = %d it would apply at line %d", p.fuzz, p.at+1)
		}
	}
	return fmt.Errorf("%s", b.String())
}

// nearest is where the most lines of want match, and of such places the one
// nearest to guess.
func (s *searcher) nearest(want [][]byte, guess int) int {
	best, most := guess, -1
	for at := s.frozen; at < len(s.lines); at++ {
		n := 0
		for i := 0; i < len(want) && at+i < len(s.lines); i++ {
			if bytes.Equal(want[i], s.lines[at+i]) {
				n++
			}
		}
		if n > most || n == most && abs(at-guess) < abs(best-guess) {
			best, most = at, n
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

func (s *searcher) difference(want [][]byte, at int) string {
	if len(want) == 0 {
		return fmt.Sprintf("it adds lines without context, and the file ends after line %d", len(s.lines))
	}
	for i, w := range want {
		if at+i >= len(s.lines) {
			return fmt.Sprintf("the file ends after line %d, want %s", len(s.lines), quote(w))
		}
		if !bytes.Equal(w, s.lines[at+i]) {
			return fmt.Sprintf("line %d is %s, want %s", at+i+1, quote(s.lines[at+i]), quote(w))
		}
	}
	return fmt.Sprintf("its %d lines are not at the end of the file that its context says, or come before an earlier hunk", len(want))
}

// quote shows a line, without its newline if it has one.
func quote(line []byte) string {
	const most = 120
	text, newline := bytes.CutSuffix(line, []byte("\n"))
	s := fmt.Sprintf("%q", text[:min(len(text), most)])
	if len(text) > most {
		s += "…"
	}
	if !newline {
		s += " without a newline"
	}
	return s
}

// has reports whether the lines are somewhere in the file.
func (s *searcher) has(want [][]byte) bool {
	for at := 0; at+len(want) <= len(s.lines) && len(want) > 0; at++ {
		if slices.EqualFunc(want, s.lines[at:at+len(want)], bytes.Equal) {
			return true
		}
	}
	return false
}

func (s *searcher) hasWithoutReturns(want [][]byte) bool {
	bare := &searcher{lines: withoutReturns(s.lines)}
	return bare.has(withoutReturns(want))
}

func withoutReturns(lines [][]byte) [][]byte {
	bare := make([][]byte, len(lines))
	for i, l := range lines {
		bare[i] = bytes.TrimRight(l, "\r\n")
	}
	return bare
}
