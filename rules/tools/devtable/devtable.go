package devtable

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Type is the second column of a table.
type Type byte

// The types that there are.
const (
	File         Type = 'f' // the file must exist
	OptionalFile Type = 'F' // does nothing if the file is missing
	Directory    Type = 'd' // made if missing, with its parents
	Recursive    Type = 'r' // a directory and everything in it
	CharDevice   Type = 'c'
	BlockDevice  Type = 'b'
	Fifo         Type = 'p'
)

// KeepMode is the Mode of an entry that changes the owner alone.
const KeepMode = -1

// Entry says what one inode is to be. Of a range, every device has its own.
type Entry struct {
	Line         int    // in the table, from 1
	Path         string // absolute and clean
	Type         Type
	Mode         int    // permissions, 0 to 07777, or KeepMode
	User, Group  string // a name or a decimal id
	Major, Minor uint32 // of devices; below 2^12 and 2^20
	Capability   []byte // value of the xattr security.capability; nil for none
}

// maxEntries bounds what a line with a huge count may cost.
const maxEntries = 1 << 16

// Parse reads a table, called name in errors. The error names all bad lines.
func Parse(name string, data []byte) ([]Entry, error) {
	p := parser{}
	var errs []error
	for i, text := range strings.Split(string(data), "\n") {
		if err := p.line(i+1, strings.Fields(text)); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p.entries, nil
}

type parser struct {
	entries []Entry
	caps    capabilities // of the last entry
}

func (p *parser) line(number int, fields []string) error {
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	if fields[0] == "|xattr" {
		return p.xattr(fields[1:])
	}
	entry, span, err := parseEntry(fields)
	if err != nil {
		return err
	}
	if len(p.entries)+span.nodes() > maxEntries {
		return fmt.Errorf("more than %d entries in one table", maxEntries)
	}
	entry.Line = number
	p.caps = capabilities{}
	p.entries = append(p.entries, span.expand(entry)...)
	return nil
}

// xattr adds capabilities to the entry before it.
func (p *parser) xattr(fields []string) error {
	if len(fields) != 1 {
		return fmt.Errorf("|xattr: got %d words, want one, such as cap_net_raw+ep", len(fields))
	}
	if len(p.entries) == 0 {
		return errors.New("|xattr: no file before it")
	}
	last := &p.entries[len(p.entries)-1]
	if last.Type != File && last.Type != OptionalFile {
		return fmt.Errorf("|xattr: %s is of type %c, only files have capabilities", last.Path, last.Type)
	}
	caps, err := p.caps.apply(fields[0])
	if err != nil {
		return err
	}
	value, err := caps.encode()
	if err != nil {
		return err
	}
	p.caps, last.Capability = caps, value
	return nil
}

// The columns of a line. All but the first two may be missing.
const (
	colName = iota
	colType
	colMode
	colUser
	colGroup
	colMajor
	colMinor
	colStart
	colIncrement
	colCount
	columns
)

func parseEntry(fields []string) (Entry, span, error) {
	if len(fields) < 2 || len(fields) > columns {
		return Entry{}, span{}, fmt.Errorf("got %d fields, want name, type, mode, uid, gid, major, minor, start, inc, count", len(fields))
	}
	e := Entry{Mode: 0o755, User: "0", Group: "0"}
	var err error
	if e.Path, err = parsePath(fields[colName]); err != nil {
		return Entry{}, span{}, err
	}
	if e.Type, err = parseType(fields[colType]); err != nil {
		return Entry{}, span{}, err
	}
	if len(fields) > colMode {
		if e.Mode, err = parseMode(fields[colMode]); err != nil {
			return Entry{}, span{}, err
		}
	}
	if len(fields) > colUser {
		e.User = fields[colUser]
	}
	if len(fields) > colGroup {
		e.Group = fields[colGroup]
	}
	if e.Type != CharDevice && e.Type != BlockDevice && e.Type != Fifo {
		return e, span{}, nil // makedevs does not look at the other columns either
	}
	numbers, err := parseNumbers(fields[min(colMajor, len(fields)):])
	if err != nil {
		return Entry{}, span{}, err
	}
	e.Major, e.Minor = numbers[0], numbers[1]
	s := span{start: numbers[2], increment: numbers[3], count: numbers[4]}
	return e, s, s.check(e)
}

func parsePath(s string) (string, error) {
	if !path.IsAbs(s) {
		return "", fmt.Errorf("%q: want an absolute path", s)
	}
	for _, element := range strings.Split(s, "/") {
		if element == "." || element == ".." {
			return "", fmt.Errorf("%q: contains %q", s, element)
		}
	}
	if strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("%q: contains NUL", s)
	}
	return path.Clean(s), nil
}

func parseType(s string) (Type, error) {
	if len(s) == 1 && strings.Contains("fFdrcbp", s) {
		return Type(s[0]), nil
	}
	return 0, fmt.Errorf("type %q: want f, F, d, r, c, b or p", s)
}

func parseMode(s string) (int, error) {
	if s == "-1" {
		return KeepMode, nil
	}
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || mode > 0o7777 {
		return 0, fmt.Errorf("mode %q: want an octal number up to 7777, or -1 to keep it", s)
	}
	return int(mode), nil
}

// Limits of Linux: a dev_t has 12 bits of major and 20 of minor number.
const (
	maxMajor  = 1<<12 - 1
	maxMinor  = 1<<20 - 1
	maxNumber = 1<<20 - 1 // of makedevs, for every column
)

// parseNumbers reads major, minor, start, increment and count. After a "-"
// makedevs looks at nothing any more; so nothing else may follow.
func parseNumbers(fields []string) ([columns - colMajor]uint32, error) {
	var numbers [columns - colMajor]uint32
	for i, s := range fields {
		if s == "-" {
			continue
		}
		if i > 0 && fields[i-1] == "-" {
			return numbers, fmt.Errorf("%q after \"-\": makedevs would take it for 0; write 0 instead of \"-\"", s)
		}
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil || n > maxNumber {
			return numbers, fmt.Errorf("%q: want a number up to %d, or \"-\"", s, maxNumber)
		}
		numbers[i] = uint32(n)
	}
	return numbers, nil
}

// span is the last three columns: a count above 1 makes so many devices, named
// with numbers from start, their minor numbers apart by increment.
type span struct{ start, increment, count uint32 }

func (s span) nodes() int { return int(max(1, s.count)) }

func (s span) check(e Entry) error {
	last := uint64(e.Minor) + uint64(s.nodes()-1)*uint64(s.increment)
	if e.Major > maxMajor || last > maxMinor {
		return fmt.Errorf("%s: device %d:%d: want at most %d:%d", e.Path, e.Major, last, maxMajor, maxMinor)
	}
	return nil
}

func (s span) expand(e Entry) []Entry {
	if s.nodes() == 1 {
		return []Entry{e}
	}
	base, minor := e.Path, e.Minor
	entries := make([]Entry, s.nodes())
	for i := range entries {
		e.Path = base + strconv.FormatUint(uint64(s.start)+uint64(i), 10)
		e.Minor = minor + uint32(i)*s.increment
		entries[i] = e
	}
	return entries
}
