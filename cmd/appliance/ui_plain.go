package main

import (
	"fmt"
	"io"
	"time"

	"github.com/kittyhawk/appliance/engine/event"
)

// quiet is how long a log may be silent while actions run: some CI systems end a
// job that says nothing for ten minutes.
const quiet = time.Minute

// plainView prints one line for each action that ran, when it has ended.
type plainView struct {
	out      io.Writer
	colors   bool
	progress *progress
	spoken   time.Time // when the last line was printed, or the build began
}

func newPlainView(out io.Writer, colors bool) *plainView {
	return &plainView{out: out, colors: colors, progress: newProgress()}
}

func (v *plainView) hear(e event.Event, now time.Time) {
	r := v.progress.hear(e)
	switch e := e.(type) {
	case event.Note:
		v.say(now, printable(e.Text))
	case event.ActionFinished:
		v.finished(r, e, now)
	}
}

func (v *plainView) finished(r *running, e event.ActionFinished, now time.Time) {
	switch {
	case e.Outcome == event.Failed:
		v.say(now, failure(r, e, v.colors))
	case e.Outcome == event.Ran && r != nil:
		v.say(now, fmt.Sprintf("%s %s, %s", v.progress.counts(), r.message, duration(e.Took)))
	}
}

func (v *plainView) say(now time.Time, line string) {
	v.spoken = now
	fmt.Fprintln(v.out, line)
}

// draw breaks a long silence.
func (v *plainView) draw(now time.Time) {
	list := v.progress.longest()
	switch {
	case v.spoken.IsZero() || len(list) == 0:
		v.spoken = now
	case now.Sub(v.spoken) >= quiet:
		line := fmt.Sprintf("%s still running: %s, %s", v.progress.counts(), list[0].message, wholeSeconds(now.Sub(list[0].since)))
		if len(list) > 1 {
			line += fmt.Sprintf(", and %d more", len(list)-1)
		}
		v.say(now, line)
	}
}

func (v *plainView) close(time.Time) {}
