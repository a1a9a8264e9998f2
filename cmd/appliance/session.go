package main

import (
	"context"
	"errors"

	"github.com/kittyhawk/appliance/engine/event"
)

// session is a stack at work, and who watches it.
type session struct {
	*stack
	at       place
	screen   *ui
	closeLog func() error
}

// openSession shows what happens in a stack until it is closed. Events go through
// watch, unless it is nil, before they are shown.
func (p *program) openSession(ctx context.Context, at place, flags *buildFlags, watch func(event.Sink) event.Sink) (*session, error) {
	screen := p.startUI()
	events, closeLog, err := p.listen(flags, screen)
	if err != nil {
		screen.Close()
		return nil, err
	}
	events = newCommandLines(events, flags)
	if watch != nil {
		events = watch(events)
	}
	s, err := p.openStack(ctx, at, flags, events)
	if err != nil {
		err = errors.Join(err, closeLog())
		screen.Close()
		return nil, err
	}
	return &session{s, at, screen, closeLog}, nil
}

// Close makes what was done durable. It leaves a line that is free for messages.
func (s *session) Close() error {
	err := errors.Join(s.stack.Close(), s.closeLog())
	s.screen.Close()
	return err
}
