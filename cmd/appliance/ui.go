package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
)

// frameTime parts two looks at the events: the live block changes at most ten
// times a second.
const frameTime = 100 * time.Millisecond

// view is a way to show events. It is used by one goroutine.
type view interface {
	// hear takes note of an event.
	hear(e event.Event, now time.Time)
	// draw shows what has changed.
	draw(now time.Time)
	// close shows the rest and leaves the cursor at the start of a line.
	close(now time.Time)
}

// ui shows a build to a person. It is the build's event.Sink: any number of
// goroutines tell it events, one of its own shows them.
type ui struct {
	view   view
	now    func() time.Time
	out    io.Writer
	colors bool
	begun  time.Time

	mu    sync.Mutex
	queue []event.Event

	closing  chan struct{}
	closed   chan struct{}
	closeOne sync.Once
	executed event.Executed // owned by the showing goroutine until closed
}

// startUI starts to show events on standard error, in the way that --ui says.
func (p *program) startUI() *ui {
	var v view
	colors := p.colors()
	if p.liveBlock() {
		v = newTerminalView(p.stderr, terminalSize(p.stderr), colors)
	} else {
		v = newPlainView(p.stderr, colors)
	}
	ticker := time.NewTicker(frameTime)
	u := newUI(v, p.stderr, time.Now, colors)
	go func() {
		defer ticker.Stop()
		u.show(ticker.C)
	}()
	return u
}

// liveBlock says whether lines may be drawn over.
func (p *program) liveBlock() bool {
	switch p.global.ui {
	case "terminal":
		return true
	case "plain":
		return false
	}
	return isTerminal(p.stderr) && !p.env.dumbTerminal()
}

func newUI(v view, out io.Writer, now func() time.Time, colors bool) *ui {
	return &ui{
		view: v, now: now, out: out, colors: colors, begun: now(),
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
}

// Hear puts an event into the queue.
func (u *ui) Hear(e event.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, e)
}

// show looks at the queue at every tick, until the ui is closed.
func (u *ui) show(ticks <-chan time.Time) {
	defer close(u.closed)
	for {
		select {
		case <-ticks:
			u.drain()
			u.view.draw(u.now())
		case <-u.closing:
			u.drain()
			u.view.close(u.now())
			return
		}
	}
}

func (u *ui) drain() {
	u.mu.Lock()
	queue := u.queue
	u.queue = nil
	u.mu.Unlock()
	for _, e := range queue {
		if executed, ok := e.(event.Executed); ok {
			u.executed = executed
		}
		u.view.hear(e, u.now())
	}
}

// Close shows what was heard so far and takes the live block away. Whoever
// prints to the terminal closes the ui first. It may be called again.
func (u *ui) Close() {
	u.closeOne.Do(func() { close(u.closing) })
	<-u.closed
}

// built is what a build has brought about.
type built struct {
	targets []label.Label
	files   int    // how many there are below
	below   string // where: "out/examples/khvmm"
}

// Summary closes the ui and prints the last line of a build that went well.
func (u *ui) Summary(b built) {
	u.Close()
	fmt.Fprintf(u.out, "%s %s: %d ran, %d cached, %s\n", paint(green, "built", u.colors), b,
		u.executed.Ran, u.executed.Cached, duration(u.now().Sub(u.begun)))
}

// String is the targets and their files.
func (b built) String() string {
	what := fmt.Sprintf("%d targets", len(b.targets))
	if len(b.targets) == 1 {
		what = b.targets[0].Short()
	}
	switch b.files {
	case 0:
		return what
	case 1:
		return fmt.Sprintf("%s (1 file below %s/)", what, b.below)
	}
	return fmt.Sprintf("%s (%d files below %s/)", what, b.files, b.below)
}
