// Package event is the facts that the phases announce while they work, and the
// Sink that hears them.
//
// Plans flow down, facts flow up: a phase tells its sink what happened and gets
// no answer. The package does not know who listens (a terminal, a log, a test).
package event
