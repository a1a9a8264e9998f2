package lock

import (
	"bytes"
	"fmt"
)

// stanzas calls visit for each paragraph of a control file (deb822(5)) with its
// fields. A value of several lines keeps its newlines and the blank that begins
// each; the bytes belong to b.
func stanzas(b []byte, visit func(fields func(name string) []byte) error) error {
	for number := 1; len(b) > 0; {
		var lines [][]byte
		first := number
		for len(b) > 0 {
			line, rest, _ := bytes.Cut(b, []byte("\n"))
			b = rest
			number++
			line = bytes.TrimSuffix(line, []byte("\r"))
			if len(bytes.TrimSpace(line)) == 0 {
				break
			}
			lines = append(lines, line)
		}
		if len(lines) == 0 {
			continue
		}
		if i := malformed(lines); i >= 0 {
			return fmt.Errorf("line %d: got %.60q, want a field or a line that begins with a blank", first+i, lines[i])
		}
		if err := visit(func(name string) []byte { return field(lines, name) }); err != nil {
			return err
		}
	}
	return nil
}

// malformed is the index of the first line that is neither a field, nor the
// continuation of one, nor a comment; -1 if there is none.
func malformed(lines [][]byte) int {
	for i, l := range lines {
		switch {
		case l[0] == '#':
		case l[0] == ' ' || l[0] == '\t':
			if i == 0 {
				return i
			}
		case bytes.IndexByte(l, ':') <= 0:
			return i
		}
	}
	return -1
}

// field is the value of the field of that name; nil if there is none. Names do
// not tell upper from lower case.
func field(lines [][]byte, name string) []byte {
	for i, l := range lines {
		if len(l) <= len(name) || l[len(name)] != ':' || !bytes.EqualFold(l[:len(name)], []byte(name)) {
			continue
		}
		value := bytes.TrimSpace(l[len(name)+1:])
		for _, next := range lines[i+1:] {
			if next[0] != ' ' && next[0] != '\t' {
				break
			}
			value = append(append(value[:len(value):len(value)], '\n'), next...)
		}
		return value
	}
	return nil
}
