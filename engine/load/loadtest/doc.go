// Package loadtest runs tests that are written as Starlark files, in parts, with
// the expected failures marked on their lines.
package loadtest
