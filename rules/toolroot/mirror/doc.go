// Package mirror finds out where this host gets its distribution's packages
// from, so that no mirror's name has to stand in this program.
//
// It owns the reading of apt's configuration. It does not open connections.
package mirror
