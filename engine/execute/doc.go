// Package execute schedules actions: it brings wanted artifacts up to date.
//
// It owns the order, the parallelism, keep-going, and what to do when an input
// has vanished from the store (its producer runs again). It does not know how an
// action is run, nor where plans come from.
package execute
