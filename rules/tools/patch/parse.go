package patch

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// parser reads a patch line by line.
type parser struct {
	lines [][]byte // with their newlines
	at    int      // the next line
	files []*change
}

// parse reads all changes of a patch. What is not part of a diff, such as a
// commit message, is skipped. Errors name the line.
func parse(b []byte) ([]*change, error) {
	p := &parser{lines: splitLines(b)}
	for p.at < len(p.lines) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if len(p.files) == 0 && len(bytes.TrimSpace(b)) > 0 {
		return nil, fmt.Errorf("holds no unified diff")
	}
	return p.files, nil
}

// errorf names the line before the current one, by its number from 1.
func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", p.at, fmt.Errorf(format, args...))
}

// text is the line i places ahead, without its end; "" behind the last.
func (p *parser) text(i int) string {
	if p.at+i >= len(p.lines) {
		return ""
	}
	return strings.TrimRight(string(p.lines[p.at+i]), "\r\n")
}

// next reads one header or skips one line.
func (p *parser) next() error {
	s := p.text(0)
	switch {
	case strings.HasPrefix(s, "diff --git "):
		return p.git()
	case strings.HasPrefix(s, "--- ") && strings.HasPrefix(p.text(1), "+++ ") && strings.HasPrefix(p.text(2), "@@ -"):
		c := &change{line: p.at + 1}
		p.files = append(p.files, c)
		return p.names(c)
	case strings.HasPrefix(s, "@@ -") && strings.Contains(s[4:], " @@"):
		p.at++
		return p.errorf("hunk %q belongs to no file; want lines that begin with --- and +++ before it", s)
	case strings.HasPrefix(s, "*** ") && strings.HasPrefix(p.text(1), "--- ") && strings.HasPrefix(p.text(2), "****"):
		p.at++
		return p.errorf("is a context diff; want a unified one (diff -u)")
	}
	p.at++
	return nil
}

// names reads the lines --- and +++ and the hunks after them.
func (p *parser) names(c *change) (err error) {
	// patch(1), too, takes a return before the newline for the trace of a mailer
	// when the headers have it.
	crlf := bytes.HasSuffix(p.lines[p.at], []byte("\r\n")) && bytes.HasSuffix(p.lines[p.at+1], []byte("\r\n"))
	for _, n := range []*name{&c.old, &c.new} {
		s := p.text(0)[4:]
		p.at++
		if *n, err = parseName(s); err != nil {
			return p.errorf("%w", err)
		}
	}
	for strings.HasPrefix(p.text(0), "@@ -") {
		h, err := p.hunk(crlf)
		if err != nil {
			return err
		}
		c.hunks = append(c.hunks, h)
	}
	if len(c.hunks) > 0 && !c.git {
		c.created = c.old.none && c.hunks[0].old.start == 0
		c.deleted = c.new.none && c.hunks[0].new.start == 0
	}
	return nil
}

// hunk reads a header and as many lines as it promises.
func (p *parser) hunk(crlf bool) (hunk, error) {
	h := hunk{line: p.at + 1, header: p.text(0)}
	p.at++
	var err error
	if h.old, h.new, err = parseSpans(h.header); err != nil {
		return h, p.errorf("%w", err)
	}
	old, new := h.old.count, h.new.count
	for old > 0 || new > 0 {
		l, ok := p.line(crlf)
		if !ok {
			return h, p.errorf("hunk %q of line %d ends early: %d old and %d new lines are missing", h.header, h.line, old, new)
		}
		if l.op == '\\' {
			h.endLast()
			continue
		}
		if l.op != '+' {
			old--
		}
		if l.op != '-' {
			new--
		}
		h.lines = append(h.lines, l)
	}
	if old < 0 || new < 0 {
		return h, p.errorf("hunk %q of line %d has more lines than it promises", h.header, h.line)
	}
	if strings.HasPrefix(p.text(0), `\ `) {
		p.at++
		h.endLast()
	}
	return h, nil
}

// endLast takes the newline off the last line read: "\ No newline at end of file".
func (h *hunk) endLast() {
	if n := len(h.lines); n > 0 {
		h.lines[n-1].text = bytes.TrimSuffix(h.lines[n-1].text, []byte("\n"))
	}
}

// line reads one line of a hunk. An empty one is context whose blank an editor
// took away.
func (p *parser) line(crlf bool) (l line, ok bool) {
	if p.at == len(p.lines) {
		return line{}, false
	}
	b := p.lines[p.at]
	if crlf && bytes.HasSuffix(b, []byte("\r\n")) {
		b = append(b[:len(b)-2:len(b)-2], '\n')
	}
	if !bytes.HasSuffix(b, []byte("\n")) { // the patch itself lacks its last newline
		b = append(b[:len(b):len(b)], '\n')
	}
	switch {
	case b[0] == '\n', b[0] == '\r' && len(b) == 2:
		l = line{' ', b}
	case strings.IndexByte(` -+\`, b[0]) >= 0:
		l = line{b[0], b[1:]}
	default:
		return line{}, false
	}
	p.at++
	return l, true
}

// parseSpans reads "@@ -1,2 +3,4 @@ …"; a count that is left out is 1.
func parseSpans(header string) (old, new span, err error) {
	ranges, _, ok := strings.Cut(strings.TrimPrefix(header, "@@ -"), " @@")
	before, after, ok2 := strings.Cut(ranges, " +")
	if ok && ok2 {
		old, ok = parseSpan(before)
		new, ok2 = parseSpan(after)
	}
	if !ok || !ok2 || old.count+new.count == 0 {
		return span{}, span{}, fmt.Errorf("hunk header %q: want @@ -START,COUNT +START,COUNT @@", header)
	}
	return old, new, nil
}

// maxLine keeps sums of line numbers far from overflow.
const maxLine = 1 << 30

func parseSpan(s string) (span, bool) {
	start, count, counted := strings.Cut(s, ",")
	if !counted {
		count = "1"
	}
	a, err := strconv.ParseUint(start, 10, 31)
	b, err2 := strconv.ParseUint(count, 10, 31)
	return span{int(a), int(b)}, err == nil && err2 == nil && a < maxLine && b < maxLine
}

// git reads a header of git (git-diff(1), "Generating patch text with -p") and
// what belongs to it.
func (p *parser) git() error {
	c := &change{line: p.at + 1, git: true}
	c.old, c.new = parseGitNames(p.text(0)[len("diff --git "):])
	p.files = append(p.files, c)
	start := p.at
	for p.at++; p.at < len(p.lines); p.at++ {
		known, err := c.extended(p.text(0))
		if err != nil {
			p.at++
			return p.errorf("%w", err)
		}
		if !known {
			break
		}
	}
	created, deleted := c.created, c.deleted
	s := p.text(0)
	switch {
	case strings.HasPrefix(s, "--- ") && strings.HasPrefix(p.text(1), "+++ "):
		if err := p.names(c); err != nil {
			return err
		}
	case s == "GIT binary patch":
		return p.binary(c, start)
	case strings.HasPrefix(s, "Binary files ") && strings.HasSuffix(s, " differ"):
		p.at++
		return p.errorf("a binary file without its content; make the patch with git diff --binary")
	}
	c.created, c.deleted = created || c.old.none, deleted || c.new.none
	if c.old.text == "" || c.new.text == "" {
		return p.errorf("no file names in the header of git")
	}
	return nil
}

// extended reads one of git's lines; known is false for anything else.
func (c *change) extended(s string) (known bool, err error) {
	switch {
	case cut(&s, "index "):
		if strings.HasSuffix(s, " 120000") {
			c.mode = modeSymlink
		}
	case cut(&s, "old mode "), cut(&s, "similarity index "), cut(&s, "dissimilarity index "):
	case cut(&s, "new mode "):
		c.mode, err = parseMode(s)
	case cut(&s, "new file mode "):
		c.created = true
		c.mode, err = parseMode(s)
	case cut(&s, "deleted file mode "):
		c.deleted = true
	case cut(&s, "rename from "):
		c.from = renamed
		c.old, err = parseBare(s)
	case cut(&s, "rename to "):
		c.new, err = parseBare(s)
	case cut(&s, "copy from "):
		c.from = copied
		c.old, err = parseBare(s)
	case cut(&s, "copy to "):
		c.new, err = parseBare(s)
	default:
		return false, nil
	}
	return true, err
}

func cut(s *string, prefix string) (ok bool) {
	*s, ok = strings.CutPrefix(*s, prefix)
	return ok
}

func parseBare(s string) (name, error) {
	n, err := parseName(s)
	n.bare = true
	return n, err
}

func parseMode(s string) (mode, error) {
	m, err := strconv.ParseUint(s, 8, 32)
	switch {
	case err != nil:
		return 0, fmt.Errorf("mode %q: want an octal number", s)
	case m&0o170000 == 0o100000 && m&0o111 != 0:
		return modeExecutable, nil
	case m&0o170000 == 0o100000:
		return modeFile, nil
	case m == uint64(modeSymlink):
		return modeSymlink, nil
	}
	return 0, fmt.Errorf("mode %q: want that of a file (100644, 100755) or a symbolic link (120000)", s)
}

// binary reads a binary change, from the header at line start on.
func (p *parser) binary(c *change, start int) error {
	end := p.at + 1
	for end < len(p.lines) && !bytes.HasPrefix(p.lines[end], []byte("diff --git ")) {
		end++
	}
	text := bytes.ReplaceAll(bytes.Join(p.lines[start:end], nil), []byte("\r\n"), []byte("\n"))
	files, _, err := gitdiff.Parse(bytes.NewReader(text))
	p.at++
	if err != nil {
		return p.errorf("binary change: %w", err)
	}
	if len(files) != 1 || files[0].BinaryFragment == nil {
		return p.errorf("binary change without content")
	}
	c.binary = files[0]
	p.at = end
	if c.old.text == "" || c.new.text == "" {
		return p.errorf("no file names in the header of git")
	}
	return nil
}
