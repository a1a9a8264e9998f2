package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// escape writes s as doc.go describes. special lists further ASCII characters
// that are to be escaped.
func escape(s, special string) string {
	if !needsEscape(s, special) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		escapeRune(&b, r, s[:n], special)
		s = s[n:]
	}
	return b.String()
}

func needsEscape(s, special string) bool {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || c == '\\' || strings.IndexByte(special, c) >= 0 {
			return true
		}
	}
	return false
}

func escapeRune(b *strings.Builder, r rune, raw, special string) {
	switch {
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\\':
		b.WriteString(`\\`)
	case r == utf8.RuneError && len(raw) == 1, hidden(r), strings.ContainsRune(special, r):
		for i := range len(raw) {
			b.WriteString(`\x`)
			b.WriteByte(hexDigits[raw[i]>>4])
			b.WriteByte(hexDigits[raw[i]&15])
		}
	default:
		b.WriteString(raw)
	}
}

// hidden lists what a terminal does not show as itself. It is a fixed list and
// not unicode.IsPrint, which changes its mind with every version of Unicode.
func hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f ||
		r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r == 0xfeff
}

// unescape undoes escape. It accepts more than escape writes; Parse compares
// the two.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' {
			n := strings.IndexByte(s, '\\')
			if n < 0 {
				n = len(s)
			}
			b.WriteString(s[:n])
			s = s[n:]
			continue
		}
		c, n, err := unescapeByte(s)
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
		s = s[n:]
	}
	return b.String(), nil
}

// unescapeByte reads the escape that s begins with and its length.
func unescapeByte(s string) (c byte, n int, err error) {
	switch {
	case strings.HasPrefix(s, `\t`):
		return '\t', 2, nil
	case strings.HasPrefix(s, `\n`):
		return '\n', 2, nil
	case strings.HasPrefix(s, `\\`):
		return '\\', 2, nil
	case strings.HasPrefix(s, `\x`) && len(s) >= 4:
		high, low := strings.IndexByte(hexDigits, s[2]), strings.IndexByte(hexDigits, s[3])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), 4, nil
		}
	}
	return 0, 0, fmt.Errorf("bad escape %q: want \\t, \\n, \\\\ or \\xNN", s[:min(len(s), 4)])
}
