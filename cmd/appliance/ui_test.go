package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
)

// screen is a terminal that understands what we write: text, newlines, cursor up,
// clear to the end of the line and of the screen. Anything else is an error.
type screen struct {
	t       *testing.T
	columns int
	rows    int
	lines   []string // all that was ever above the cursor, and the rest of the screen
	row     int      // of the cursor
	writes  int
}

func (s *screen) size() (columns, rows int) { return s.columns, s.rows }

func (s *screen) Write(p []byte) (int, error) {
	s.writes++
	text := string(p)
	for text != "" {
		text = s.step(text)
	}
	return len(p), nil
}

// step carries out the first thing in text and returns the rest.
func (s *screen) step(text string) string {
	var up int
	switch {
	case strings.HasPrefix(text, "\x1b[K\n"): // an empty line
	case strings.HasPrefix(text, "\x1b[J"):
		s.lines = s.lines[:min(len(s.lines), s.row)]
		return text[3:]
	case strings.HasPrefix(text, "\x1b["):
		if n, err := fmt.Sscanf(text, "\x1b[%dA\r", &up); n != 1 || err != nil {
			s.t.Fatalf("unknown control sequence in %q", text)
		}
		if s.row -= up; s.row < 0 {
			s.t.Fatalf("the cursor went up %d rows beyond the top", -s.row)
		}
		_, rest, _ := strings.Cut(text, "\r")
		return rest
	}
	line, rest, ended := strings.Cut(text, "\n")
	line, cleared := strings.CutSuffix(line, "\x1b[K")
	if !ended || !cleared {
		s.t.Fatalf("a line is not cleared to its end: %q", text)
	}
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, "")
	}
	s.lines[s.row] = line
	s.row++
	return rest
}

func (s *screen) want(want string) {
	s.t.Helper()
	if got := strings.Join(s.lines, "\n"); got != strings.Trim(want, "\n") {
		s.t.Fatalf("the screen is\n%s\nwant\n%s", got, want)
	}
}

var zero = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

func start1(id int, message string, seconds float64) event.ActionStarted {
	return event.ActionStarted{ID: event.ActionID(id), Mnemonic: "Compile", Owner: busybox, Message: message, Time: at(seconds)}
}

func end1(id int, outcome event.Outcome, took time.Duration) event.ActionFinished {
	return event.ActionFinished{ID: event.ActionID(id), Mnemonic: "Compile", Owner: busybox, Outcome: outcome, Took: took}
}

var busybox = mustLabel("@rules//library/busybox")

func mustLabel(s string) label.Label {
	l, err := label.Parse(s, label.Label{})
	if err != nil {
		panic(err)
	}
	return l
}

func hear(v view, now time.Time, events ...event.Event) {
	for _, e := range events {
		v.hear(e, now)
	}
	v.draw(now)
}

// What a person sees from the first frame to the last.
func TestTerminalFrames(t *testing.T) {
	s := &screen{t: t, columns: 40, rows: 24}
	v := newTerminalView(s, s.size, false)
	v.draw(at(0))
	s.want("loading, 0 s")

	hear(v, at(1), event.Loaded{})
	s.want("analyzing, 1 s")

	hear(v, at(2), event.Scheduled{Actions: 112}, end1(1, event.Cached, 0), end1(2, event.Cached, 0),
		start1(3, "Compile busybox", 2), start1(4, "Fetch linux", 2))
	s.want(`
[  2/112] 2 running, 2 cached, 2 s
       0 s Compile busybox
       0 s Fetch linux`)

	hear(v, at(3), event.ActionProgress{ID: 4, Done: 1_500_000, Total: 130_000_000}, event.Note{Text: "first\nsecond \x1b[31m"})
	s.want(`
first
second ?[31m
[  2/112] 2 running, 2 cached, 3 s
       1 s Compile busybox
       1 s Fetch linux: 1.5 MB of 130.…`)

	failed := end1(3, event.Failed, 90*time.Second)
	failed.Log = "/cache/logs/3f"
	hear(v, at(92), failed)
	s.want(`
first
second ?[31m
failed: Compile busybox after 1 min 30 s; log: /cache/logs/3f
[  3/112] 1 running, 2 cached, 1 faile…
1 min 30 s Fetch linux: 1.5 MB of 130.…`)

	v.hear(event.Note{Text: "last"}, at(93))
	v.close(at(93))
	s.want(`
first
second ?[31m
failed: Compile busybox after 1 min 30 s; log: /cache/logs/3f
last`)
}

// Nothing has changed, nothing is written: a terminal at the end of a slow line
// stays usable.
func TestTerminalIsSilent(t *testing.T) {
	s := &screen{t: t, columns: 80, rows: 24}
	v := newTerminalView(s, s.size, false)
	hear(v, at(0), event.Scheduled{Actions: 2}, start1(1, "x", 0))
	for i := range 9 {
		v.draw(at(float64(i) / 10))
	}
	if s.writes != 1 {
		t.Errorf("got %d writes for ten equal frames, want 1", s.writes)
	}
	v.draw(at(1))
	if s.writes != 2 {
		t.Errorf("got %d writes after a second, want 2", s.writes)
	}
}

// More actions than there is room for, on a terminal of any size: the block never
// reaches the top and no line fills its row.
func TestTerminalFits(t *testing.T) {
	for _, columns := range []int{1, 2, 10, 80} {
		for _, rows := range []int{1, 2, 3, 6, 24} {
			s := &screen{t: t, columns: columns, rows: rows}
			v := newTerminalView(s, s.size, false)
			v.hear(event.Scheduled{Actions: 100}, at(0))
			for i := range 30 {
				v.hear(start1(i, fmt.Sprintf("Compile 語語語語語語語語 %d", i), float64(i)), at(30))
			}
			v.draw(at(40))
			if rows > 1 && len(s.lines) >= rows {
				t.Errorf("%dx%d: a block of %d lines", columns, rows, len(s.lines))
			}
			for _, line := range s.lines {
				if cells(line) >= columns && columns > 1 {
					t.Errorf("%dx%d: %q has %d cells", columns, rows, line, cells(line))
				}
			}
			v.close(at(41))
			s.want("")
		}
	}
}

func TestTerminalNamesTheLongest(t *testing.T) {
	s := &screen{t: t, columns: 80, rows: 8}
	v := newTerminalView(s, s.size, false)
	v.hear(event.Scheduled{Actions: 9}, at(0))
	for i, seconds := range []float64{5, 3, 1, 4, 2} {
		v.hear(start1(i, fmt.Sprintf("since %v", seconds), seconds), at(5))
	}
	v.draw(at(6))
	s.want(`
[0/9] 5 running, 0 cached, 6 s
       5 s since 1
       4 s since 2
           and 3 more`)
}

// A terminal that is made narrower breaks the lines of the block; they are taken
// away nevertheless.
func TestTerminalResize(t *testing.T) {
	s := &screen{t: t, columns: 60, rows: 24}
	v := newTerminalView(s, s.size, false)
	hear(v, at(0), event.Note{Text: "above"}, event.Scheduled{Actions: 1}, start1(1, strings.Repeat("x", 45), 0))
	s.reflow(20)
	if len(s.lines) != 6 {
		t.Fatalf("the terminal shows %q", s.lines)
	}
	v.draw(at(1))
	s.want(`
above
[0/1] 1 running, 0…
       1 s xxxxxxx…`)
}

// reflow is what a terminal does that has become narrower.
func (s *screen) reflow(columns int) {
	var lines []string
	for _, line := range s.lines {
		for len(line) > columns {
			lines = append(lines, line[:columns])
			line = line[columns:]
		}
		lines = append(lines, line)
	}
	s.columns, s.lines, s.row = columns, lines, len(lines)
}

func TestPlain(t *testing.T) {
	var b strings.Builder
	v := newPlainView(&b, false)
	failed := end1(3, event.Failed, 41*time.Second)
	failed.Log = "/cache/logs/3f"
	hear(v, at(0), event.Loaded{}, event.Scheduled{Actions: 12}, end1(1, event.Cached, 0), start1(2, "Compile zlib", 0), start1(3, "", 0), start1(4, "Compile gcc", 1))
	hear(v, at(3), end1(2, event.Ran, 3400*time.Millisecond), event.Note{Text: "a note"})
	hear(v, at(41), failed, end1(5, event.Cancelled, 0))
	hear(v, at(100), event.ActionProgress{ID: 4})
	hear(v, at(101))
	hear(v, at(102))
	v.close(at(103))
	const want = `[ 2/12] Compile zlib, 3.4 s
a note
failed: Compile @rules//library/busybox:busybox after 41.0 s; log: /cache/logs/3f
[ 4/12] still running: Compile gcc, 1 min 40 s
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// Events come from all sides at any time; each is shown once, and nobody waits.
func TestUIHearsAll(t *testing.T) {
	var b strings.Builder
	u := newUI(newPlainView(&b, false), &b, func() time.Time { return at(34.5) }, false)
	u.begun = at(0)
	ticks := make(chan time.Time)
	go u.show(ticks)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				u.Hear(event.Note{Text: fmt.Sprintf("note %d", 100*i+j)})
			}
		})
	}
	ticks <- at(1)
	wg.Wait()
	u.Hear(event.Executed{Ran: 12, Cached: 100})
	u.Summary(built{targets: []label.Label{busybox}, files: 3, below: "out/x"})
	u.Close()
	if got := strings.Count(b.String(), "note "); got != 800 {
		t.Errorf("got %d notes, want 800", got)
	}
	const want = "built @rules//library/busybox (3 files below out/x/): 12 ran, 100 cached, 34.5 s\n"
	if !strings.HasSuffix(b.String(), want) {
		t.Errorf("the last line is %q", b.String()[strings.LastIndex(b.String(), "built"):])
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0 s", 0: "0.0 s", 3449 * time.Millisecond: "3.4 s",
		59940 * time.Millisecond: "59.9 s", 59960 * time.Millisecond: "1 min 0 s",
		125 * time.Second: "2 min 5 s", 2*time.Hour + 3*time.Minute: "2 h 3 min",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 13_120_000: "13.1 MB", 1 << 62: "4.6 EB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

var _ io.Writer = (*screen)(nil)
