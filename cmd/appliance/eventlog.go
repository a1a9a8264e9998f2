package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/kittyhawk/appliance/engine/event"
)

// eventLog writes events to a file for programs: one JSON object a line. Of the
// events it leaves out progress, which is for eyes.
type eventLog struct {
	file *os.File

	mu      sync.Mutex
	encoder *json.Encoder
	err     error // the first; what comes after it is not written
}

// openEventLog makes the file, or empties it.
func openEventLog(name string) (*eventLog, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	encoder := json.NewEncoder(f)
	encoder.SetEscapeHTML(false)
	return &eventLog{file: f, encoder: encoder}, nil
}

// Hear writes one line.
func (l *eventLog) Hear(e event.Event) {
	line := eventLine(e)
	if line == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.encoder.Encode(line)
	}
}

// Close says whether all events are in the file.
func (l *eventLog) Close() error {
	if err := errors.Join(l.err, l.file.Close()); err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	return nil
}

// outcomes are the words for how actions end.
var outcomes = map[event.Outcome]string{
	event.Ran:       "ran",
	event.Cached:    "cached",
	event.Failed:    "failed",
	event.Cancelled: "cancelled",
}

// eventLine is an event as it is written, nil if it is not. Times are in
// seconds: took_s passed, user_s and system_s were of processors; id is the same in both lines of an action; key is its digest.
func eventLine(e event.Event) map[string]any {
	switch e := e.(type) {
	case event.Loaded:
		return map[string]any{"event": "loaded", "directories": e.Directories, "targets": e.Targets, "took_s": e.Took.Seconds()}
	case event.Analyzed:
		return map[string]any{"event": "analyzed", "targets": e.Targets, "actions": e.Actions, "took_s": e.Took.Seconds()}
	case event.Scheduled:
		return map[string]any{"event": "scheduled", "actions": e.Actions}
	case event.Note:
		return map[string]any{"event": "note", "text": e.Text}
	case event.ActionStarted:
		return map[string]any{"event": "started", "id": e.ID, "owner": e.Owner.String(), "mnemonic": e.Mnemonic, "message": e.Message, "command": e.Command}
	case event.ActionFinished:
		line := map[string]any{
			"event": "finished", "id": e.ID, "owner": e.Owner.String(), "mnemonic": e.Mnemonic,
			"outcome": outcomes[e.Outcome], "took_s": e.Took.Seconds(),
		}
		if e.Spent != (event.Spent{}) {
			line["user_s"], line["system_s"] = e.Spent.User.Seconds(), e.Spent.System.Seconds()
			line["max_rss_bytes"] = e.Spent.MaxRSS
		}
		if e.Log != "" {
			line["log"] = e.Log
		}
		if !e.Key.IsZero() {
			line["key"] = e.Key.String()
		}
		return line
	case event.TestFinished:
		return testLine(e)
	case event.Executed:
		return map[string]any{
			"event": "executed", "ran": e.Ran, "cached": e.Cached, "failed": e.Failed, "skipped": e.Skipped,
			"took_s": e.Took.Seconds(),
		}
	}
	return nil
}

// testLine is one run of a test. log is the digest of what it printed.
func testLine(e event.TestFinished) map[string]any {
	line := map[string]any{
		"event": "test", "id": e.ID, "owner": e.Owner.String(), "run": e.Run, "runs": e.Runs, "attempts": e.Attempts,
		"status": statusWords[e.Status], "cached": e.Cached, "took_s": e.Took.Seconds(),
	}
	if !e.Log.IsZero() {
		line["log"] = e.Log.String()
	}
	if e.Reason != "" {
		line["reason"] = e.Reason
	}
	return line
}

// sinks hear everything that each of them hears.
type sinks []event.Sink

// Hear tells all.
func (s sinks) Hear(e event.Event) {
	for _, sink := range s {
		sink.Hear(e)
	}
}

// listen gives events to the screen and, with --build_event_json_file, to a file,
// which whoever listens closes.
func (p *program) listen(flags *buildFlags, screen event.Sink) (events event.Sink, closeLog func() error, err error) {
	if flags.eventFile == "" {
		return screen, func() error { return nil }, nil
	}
	log, err := openEventLog(p.path(flags.eventFile))
	if err != nil {
		return nil, nil, err
	}
	return sinks{screen, log}, log.Close, nil
}
