package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/fetch"
)

// tailLines is how much of a log an error shows.
const tailLines = 20

// tailBytes bounds what is read of a log for that.
const tailBytes = 64 << 10

// failure is the problem that an action has failed for this reason. A cause
// that is trouble of this machine makes it the machine's.
func failure(a *action.Action, reason string, cause error) *diag.Problem {
	return &diag.Problem{
		Kind:    kindOfCause(cause),
		Subject: a.Owner().Short(),
		Text:    a.Mnemonic() + " " + indented(reason),
		Cause:   cause,
	}
}

// TestFailure is the cause of the problem that a test has failed: it was started
// and did not succeed.
type TestFailure struct {
	Reason   string // "failed with exit code 1"
	TimedOut bool
	Log      digest.Digest // of what it printed, zero if that was nothing
	Err      error         // what was behind it; may be nil
}

func (t *TestFailure) Error() string { return t.Reason }
func (t *TestFailure) Unwrap() error { return t.Err }

// kindOfCause tells a full disk from what is wrong with an action: tools and
// downloads touch no file but the store's. Servers that did not answer are no
// trouble of this machine.
func kindOfCause(cause error) diag.Kind {
	var download *fetch.Failed
	var errno syscall.Errno
	if errors.As(cause, &errno) && !errors.As(cause, &download) {
		return diag.Environment
	}
	return diag.Action
}

// indented moves the lines below the first one to the right, so that none of
// them looks like the next error.
func indented(reason string) string {
	lines := strings.Split(reason, "\n")
	for i, line := range lines[1:] {
		if !strings.HasPrefix(line, " ") {
			lines[i+1] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

// withLog adds the end of the log at logPath to a failure; where says in words
// where all of it is.
func withLog(p *diag.Problem, logPath, where string) *diag.Problem {
	tail, total, err := readTail(logPath)
	switch {
	case err != nil:
		p.Notes = append(p.Notes, "its log cannot be read: "+err.Error())
	case total == 0:
		p.Notes = append(p.Notes, "it printed nothing")
	case total == len(tail):
		p.Notes = append(p.Notes, fmt.Sprintf("its log (%s):\n%s", where, strings.Join(tail, "\n")))
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("the last %d of %s of its log (%s):\n%s",
			len(tail), lineCount(total, len(tail)), where, strings.Join(tail, "\n")))
	}
	return p
}

func lineCount(total, shown int) string {
	if total < 0 {
		return fmt.Sprintf("more than %d lines", shown)
	}
	return fmt.Sprintf("%d lines", total)
}

// readTail returns the last lines of a file and how many it has, -1 if it is
// too long to tell.
func readTail(path string) (tail []string, total int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	from := max(0, info.Size()-tailBytes)
	b, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil || len(b) == 0 {
		return nil, 0, err
	}
	lines := strings.Split(string(bytes.TrimRight(bytes.ToValidUTF8(b, []byte("?")), "\n")), "\n")
	total = len(lines)
	if from > 0 {
		total = -1
	}
	return lines[max(0, len(lines)-tailLines):], total, nil
}
