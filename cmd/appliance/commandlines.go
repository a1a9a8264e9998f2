package main

import (
	"sync"

	"github.com/kittyhawk/appliance/engine/event"
)

// commandLines shows what actions run: each one when it starts, or only those
// that fail.
type commandLines struct {
	next    event.Sink
	always  bool // --subcommands
	failing bool // --verbose_failures

	mu      sync.Mutex
	started map[event.ActionID]string
}

func newCommandLines(next event.Sink, flags *buildFlags) *commandLines {
	return &commandLines{next: next, always: flags.subcommands, failing: flags.verboseFailures, started: map[event.ActionID]string{}}
}

// Hear passes e on, with a note where one is wanted.
func (c *commandLines) Hear(e event.Event) {
	switch e := e.(type) {
	case event.ActionStarted:
		if c.always {
			c.next.Hear(event.Note{Text: "run " + e.Owner.Short() + ": " + e.Command})
		}
		c.mu.Lock()
		c.started[e.ID] = e.Command
		c.mu.Unlock()
	case event.ActionFinished:
		if c.failing && e.Outcome == event.Failed {
			c.next.Hear(event.Note{Text: "failed " + e.Owner.Short() + ": " + c.command(e.ID)})
		}
	}
	c.next.Hear(e)
}

func (c *commandLines) command(id event.ActionID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started[id]
}
