// Package engine is a build from end to end: load, analyze, execute.
//
// It owns the order of the three phases and nothing of what they do. It does not
// know the terminal, flags, or any rule.
package engine
