// Package runner carries out one action and returns its result.
//
// It owns the act of running: preparing what the command or tool sees, starting
// it, collecting its outputs. It does not know where actions come from, in which
// order they run, or what the user is shown.
//
// A Runner is wrapped, not configured: whoever wants caching puts a Cached around
// a Recorded around a ByWork. The stack is put together in cmd/appliance/wire.go.
package runner
