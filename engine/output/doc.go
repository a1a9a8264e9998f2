// Package output keeps the out/ directory of a workspace: one symbolic link for
// each file or tree that was asked for, into the store.
//
// It owns out/ and nothing else writes there. It does not know what the outputs
// are.
package output
