package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/event"
)

// progress is how far a build has come, as its events tell.
type progress struct {
	phase   string // what goes on before the first action: "loading"
	total   int    // actions of the plan; 0 while it is not known
	done    int
	cached  int
	failed  int
	running map[event.ActionID]*running
}

// running is an action that has begun.
type running struct {
	id          event.ActionID
	message     string
	since       time.Time
	done, total int64 // bytes of a download
}

func newProgress() *progress {
	return &progress{phase: "loading", running: map[event.ActionID]*running{}}
}

// hear updates the numbers. For an action that has finished it returns what was
// known of it; nil if it had never started.
func (p *progress) hear(e event.Event) *running {
	switch e := e.(type) {
	case event.Loaded:
		p.phase = "analyzing"
	case event.Scheduled:
		// What came before brought layers here.
		p.phase, p.total, p.done, p.cached, p.failed = "", e.Actions, 0, 0, 0
	case event.ActionStarted:
		p.phase = ""
		p.running[e.ID] = &running{id: e.ID, message: messageOf(e), since: e.Time}
	case event.ActionProgress:
		if r := p.running[e.ID]; r != nil {
			r.done, r.total = e.Done, e.Total
		}
	case event.ActionFinished:
		return p.finish(e)
	}
	return nil
}

// messageOf is an action in words, on one line.
func messageOf(e event.ActionStarted) string {
	message := cmp.Or(e.Message, e.Mnemonic+" "+e.Owner.String())
	return printable(strings.Join(strings.Fields(message), " "))
}

func (p *progress) finish(e event.ActionFinished) *running {
	r := p.running[e.ID]
	delete(p.running, e.ID)
	p.done++
	switch e.Outcome {
	case event.Cached:
		p.cached++
	case event.Failed:
		p.failed++
	}
	return r
}

// counts is "[ 37/112]".
func (p *progress) counts() string {
	if p.total == 0 {
		return fmt.Sprintf("[%d]", p.done)
	}
	total := fmt.Sprint(p.total)
	return fmt.Sprintf("[%*d/%s]", len(total), p.done, total)
}

// longest are the running actions, those that run for the longest time first.
func (p *progress) longest() []*running {
	list := make([]*running, 0, len(p.running))
	for _, r := range p.running {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *running) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id))
	})
	return list
}

// failure is the line that tells of a failed action at once; the error that the
// build ends with says more.
func failure(r *running, e event.ActionFinished, colors bool) string {
	what := e.Mnemonic + " " + e.Owner.String()
	if r != nil {
		what = r.message
	}
	s := paint(red, "failed:", colors) + " " + printable(what) + " after " + duration(e.Took)
	if e.Log != "" {
		s += "; log: " + printable(e.Log)
	}
	return s
}

// duration is "3.4 s", "2 min 5 s" or "1 h 2 min".
func duration(d time.Duration) string {
	if d < time.Minute-50*time.Millisecond {
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	}
	return wholeSeconds(d.Round(time.Second))
}

// wholeSeconds is duration for a number that counts up before one's eyes.
func wholeSeconds(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}

// byteSize is a size in decimal units: "13.1 MB".
func byteSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	const units = "kMGTPE"
	value, unit := float64(n)/1000, 0
	for value >= 999.95 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", value, units[unit])
}
