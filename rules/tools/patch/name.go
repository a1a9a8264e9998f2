package patch

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// name is a file as a header names it, with its leading directories.
type name struct {
	text string // "" if no header gives it
	bare bool   // the line has no a/ or b/ in front: rename from, copy to
	none bool   // /dev/null, or a time stamp of 1970: the file is not there
}

// strip takes off leading directories as patch -p does. A bare name lacks the
// first of them.
func (n name) strip(count int) (string, error) {
	p := n.text
	if n.bare {
		count--
	}
	for range count {
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return "", fmt.Errorf("file %q has fewer directories than strip = %d takes off", n.text, count)
		}
		p = strings.TrimLeft(rest, "/")
	}
	clean := path.Clean(p)
	if p == "" || clean == "." || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.Contains(p, "\x00") || hasDotDot(p) {
		return "", fmt.Errorf("file %q, with strip = %d, is not a path in the tree", n.text, count)
	}
	return clean, nil
}

func hasDotDot(p string) bool {
	for _, part := range strings.Split(p, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// parseName reads what follows "--- " or "+++ ": a name, maybe quoted, and maybe
// a tab and a time stamp.
func parseName(s string) (name, error) {
	text, stamp, _ := strings.Cut(s, "\t")
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return name{}, fmt.Errorf("file name %s: bad quotes", s)
		}
		stamp = strings.TrimSpace(s[len(quoted):])
		if text, err = strconv.Unquote(quoted); err != nil {
			return name{}, fmt.Errorf("file name %s: bad quotes", s)
		}
	}
	text = strings.TrimRight(text, " ")
	return name{text: text, none: text == "/dev/null" || isEpoch(stamp)}, nil
}

// isEpoch recognizes the time that GNU diff -N gives a file that is not there.
func isEpoch(stamp string) bool {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999 -0700", "Mon Jan _2 15:04:05 2006"} {
		if t, err := time.Parse(layout, strings.TrimSpace(stamp)); err == nil {
			return t.Unix() == 0
		}
	}
	return false
}

// parseGitNames reads what follows "diff --git ": two names that are equal but
// for their first directory, so that blanks in them are no riddle. Names that are
// not equal are left to the headers that follow.
func parseGitNames(s string) (old, new name) {
	if strings.HasPrefix(s, `"`) {
		a, err := strconv.QuotedPrefix(s)
		if err != nil {
			return name{}, name{}
		}
		old, _ = parseName(a)
		new, _ = parseName(strings.TrimLeft(s[len(a):], " "))
		return old, new
	}
	for i := range s {
		if s[i] == ' ' && afterFirst(s[:i]) == afterFirst(s[i+1:]) {
			return name{text: s[:i]}, name{text: s[i+1:]}
		}
	}
	return name{}, name{}
}

// afterFirst is a path without its first directory.
func afterFirst(p string) string {
	if _, rest, ok := strings.Cut(p, "/"); ok {
		return rest
	}
	return p
}
