package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
)

const (
	header  = "appliance-manifest 1"
	columns = 10
	absent  = "-"
)

// String is the text form that Parse reads.
func (m *Manifest) String() string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, e := range m.entries {
		b.WriteString(formatEntry(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// WriteTo writes the text form; it is an io.WriterTo.
func (m *Manifest) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, m.String())
	return int64(n), err
}

// Parse reads the text form. It accepts just what String prints; an error
// joins one error a wrong line, with the line's number.
func Parse(text []byte) (*Manifest, error) {
	lines, err := splitLines(text)
	if err != nil {
		return nil, err
	}
	m := &Manifest{entries: make([]Entry, 0, len(lines))}
	var errs []error
	for i, line := range lines {
		e, err := parseEntry(line)
		if err == nil && i > 0 && len(m.entries) > 0 && m.entries[len(m.entries)-1].Path > e.Path {
			err = fmt.Errorf("%s: want lines sorted by path", showPath(e.Path))
		}
		if err != nil {
			errs = append(errs, lineError(i, err))
			continue
		}
		m.entries = append(m.entries, e)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	for _, p := range m.problems() {
		errs = append(errs, lineError(p.index, p.err))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return m, nil
}

// lineError places an error at the line of the entry at index: lines count
// from 1 and the header is the first.
func lineError(index int, err error) error {
	return fmt.Errorf("manifest: line %d: %w", index+2, err)
}

func splitLines(text []byte) ([]string, error) {
	first, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok || string(first) != header {
		return nil, fmt.Errorf("manifest: line 1: got %.40q, want %q", first, header)
	}
	if len(rest) == 0 {
		return nil, nil
	}
	if rest[len(rest)-1] != '\n' {
		return nil, fmt.Errorf("manifest: line %d: no newline at its end; the file was cut short", bytes.Count(rest, []byte("\n"))+2)
	}
	return strings.Split(string(rest[:len(rest)-1]), "\n"), nil
}

func formatEntry(e Entry) string {
	mode, uid, gid := absent, absent, absent
	if e.Type != Link {
		mode = fmt.Sprintf("%04o", e.Mode)
		uid = strconv.FormatUint(uint64(e.UID), 10)
		gid = strconv.FormatUint(uint64(e.GID), 10)
	}
	device, content := absent, absent
	if e.Type.IsDevice() {
		device = fmt.Sprintf("%d:%d", e.Major, e.Minor)
	}
	if !e.Digest.IsZero() {
		content = e.Digest.String()
	}
	return strings.Join([]string{
		string(rune(e.Type)), mode, uid, gid, device, "/" + escape(e.Path, ""), formatTarget(e),
		content, formatXattrs(e.Xattrs), formatText(e.Origin),
	}, "\t")
}

func formatTarget(e Entry) string {
	if e.Type == Link {
		return "/" + escape(e.Target, "")
	}
	return formatText(e.Target)
}

// formatText escapes s so that it is never the "-" of an absent column.
func formatText(s string) string {
	switch s {
	case "":
		return absent
	case absent:
		return `\x2d`
	}
	return escape(s, "")
}

func formatXattrs(xattrs []Xattr) string {
	if len(xattrs) == 0 {
		return absent
	}
	var b strings.Builder
	for i, x := range xattrs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(escape(x.Name, ",="))
		b.WriteByte('=')
		b.WriteString(escape(string(x.Value), ",="))
	}
	return b.String()
}

func parseEntry(line string) (Entry, error) {
	f := strings.Split(line, "\t")
	if len(f) != columns {
		return Entry{}, fmt.Errorf("got %d columns separated by tabs, want %d", len(f), columns)
	}
	if len(f[0]) != 1 {
		return Entry{}, fmt.Errorf("type %q: want one letter", f[0])
	}
	p := columnParser{}
	e := Entry{
		Type:   Type(f[0][0]),
		Mode:   p.number("mode", f[1], 8),
		UID:    p.number("uid", f[2], 10),
		GID:    p.number("gid", f[3], 10),
		Path:   p.path(f[5]),
		Digest: p.digest(f[7]),
		Xattrs: p.xattrs(f[8]),
		Origin: p.text(f[9]),
	}
	if f[4] != absent {
		major, minor, _ := strings.Cut(f[4], ":")
		e.Major, e.Minor = p.number("device", major, 10), p.number("device", minor, 10)
	}
	if e.Type == Link {
		e.Target = p.path(f[6])
	} else {
		e.Target = p.text(f[6])
	}
	if p.err != nil {
		return Entry{}, p.err
	}
	if want := formatEntry(e); want != line {
		return Entry{}, fmt.Errorf("got %q, want the one spelling %q", line, want)
	}
	return e, nil
}

// columnParser reads columns and keeps the first error.
type columnParser struct{ err error }

func (p *columnParser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *columnParser) number(what, s string, base int) uint32 {
	if s == absent {
		return 0
	}
	n, err := strconv.ParseUint(s, base, 32)
	if err != nil {
		p.fail(fmt.Errorf("%s %q: want a number of base %d below 2^32", what, s, base))
	}
	return uint32(n)
}

func (p *columnParser) path(s string) string {
	if !strings.HasPrefix(s, "/") {
		p.fail(fmt.Errorf("path %q: want an absolute path", s))
		return ""
	}
	return p.unescape(s[1:])
}

func (p *columnParser) text(s string) string {
	if s == absent {
		return ""
	}
	return p.unescape(s)
}

func (p *columnParser) unescape(s string) string {
	text, err := unescape(s)
	if err != nil {
		p.fail(err)
	}
	return text
}

func (p *columnParser) digest(s string) digest.Digest {
	if s == absent {
		return digest.Digest{}
	}
	d, err := digest.Parse(s)
	if err != nil {
		p.fail(err)
	}
	return d
}

func (p *columnParser) xattrs(s string) []Xattr {
	if s == absent {
		return nil
	}
	var xattrs []Xattr
	for item := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			p.fail(fmt.Errorf("attribute %q: want NAME=VALUE", item))
			return nil
		}
		x := Xattr{p.unescape(name), []byte(p.unescape(value))}
		if n := len(xattrs); n > 0 && xattrs[n-1].Name > x.Name {
			p.fail(fmt.Errorf("attribute %s: want attributes sorted by name", x.Name))
		}
		xattrs = append(xattrs, x)
	}
	return xattrs
}
