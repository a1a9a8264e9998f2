package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/kittyhawk/appliance/engine/event"
)

// maxRunning is how many running actions the block shows at most.
const maxRunning = 10

// terminalView keeps a block of lines at the bottom of a terminal up to date;
// notes and failures scroll by above it.
//
// The block is drawn over in one write, line by line, with the rest of each line
// cleared after its text: nothing is ever blank in between. The cursor waits at
// the start of the line below and is never hidden, so there is nothing to restore
// for a process that is killed. The size is asked for each frame, which is
// simpler than SIGWINCH and not less correct.
type terminalView struct {
	out      io.Writer
	size     func() (columns, rows int)
	colors   bool
	progress *progress
	begun    time.Time
	scroll   []string // finished lines that are not printed yet
	shown    []string // the block on the screen
	columns  int      // for which it was cut
}

func newTerminalView(out io.Writer, size func() (columns, rows int), colors bool) *terminalView {
	return &terminalView{out: out, size: size, colors: colors, progress: newProgress()}
}

// terminalSize asks the kernel, and falls back to the size of a VT100.
func terminalSize(stream any) func() (columns, rows int) {
	return func() (int, int) {
		if f, ok := stream.(*os.File); ok {
			if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
				return columns, rows
			}
		}
		return 80, 24
	}
}

func (v *terminalView) hear(e event.Event, now time.Time) {
	v.begin(now)
	r := v.progress.hear(e)
	switch e := e.(type) {
	case event.Note:
		v.scroll = append(v.scroll, strings.Split(printable(e.Text), "\n")...)
	case event.ActionFinished:
		if e.Outcome == event.Failed {
			v.scroll = append(v.scroll, failure(r, e, v.colors))
		}
	}
}

func (v *terminalView) begin(now time.Time) {
	if v.begun.IsZero() {
		v.begun = now
	}
}

func (v *terminalView) draw(now time.Time) {
	v.begin(now)
	columns, rows := v.size()
	block := v.block(now, columns, rows)
	if len(v.scroll) == 0 && columns == v.columns && slices.Equal(block, v.shown) {
		return
	}
	v.replace(block, columns)
}

func (v *terminalView) close(time.Time) {
	if len(v.shown) == 0 && len(v.scroll) == 0 {
		return
	}
	columns, _ := v.size()
	v.replace(nil, columns)
}

// replace draws finished lines and a block where the last block was.
func (v *terminalView) replace(block []string, columns int) {
	var b strings.Builder
	if up := v.occupied(columns); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", up)
	}
	for _, line := range slices.Concat(v.scroll, block) {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	io.WriteString(v.out, b.String())
	v.scroll, v.shown, v.columns = nil, block, columns
}

// occupied is how many rows the last block takes now: a terminal that was made
// narrower has broken its lines.
func (v *terminalView) occupied(columns int) int {
	rows := 0
	for _, line := range v.shown {
		rows += max(1, (cells(line)+columns-1)/columns)
	}
	return rows
}

// block is the lines to show, each narrower than the terminal: a line that fills
// its row would wrap in some.
func (v *terminalView) block(now time.Time, columns, rows int) []string {
	lines := []string{v.status(now)}
	list := v.progress.longest()
	room := max(0, min(maxRunning, rows/2-2))
	for i, r := range list {
		if i == room {
			lines = append(lines, fmt.Sprintf("%10s and %d more", "", len(list)-room))
			break
		}
		lines = append(lines, v.runningLine(r, now))
	}
	lines = lines[:min(len(lines), max(1, rows-1))]
	for i := range lines {
		lines[i] = cut(lines[i], columns-1)
	}
	return lines
}

func (v *terminalView) status(now time.Time) string {
	p, since := v.progress, wholeSeconds(now.Sub(v.begun))
	if p.phase != "" {
		return p.phase + ", " + since
	}
	parts := []string{fmt.Sprintf("%d running", len(p.running)), fmt.Sprintf("%d cached", p.cached)}
	if p.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", p.failed))
	}
	return p.counts() + " " + strings.Join(append(parts, since), ", ")
}

func (v *terminalView) runningLine(r *running, now time.Time) string {
	s := fmt.Sprintf("%10s %s", wholeSeconds(now.Sub(r.since)), r.message)
	switch {
	case r.total > 0:
		s += fmt.Sprintf(": %s of %s", byteSize(r.done), byteSize(r.total))
	case r.done > 0:
		s += ": " + byteSize(r.done)
	}
	return s
}

// cut shortens a line without control sequences to so many cells.
func cut(s string, limit int) string {
	if cells(s) <= limit {
		return s
	}
	used := 0
	for i, r := range s {
		used += cellsOf(r)
		if used > limit-1 {
			return s[:i] + strings.Repeat("…", min(1, max(0, limit)))
		}
	}
	return s
}

func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

// cellsOf is how many cells a terminal gives a character, or one more than that:
// a combining mark counts as one.
func cellsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
