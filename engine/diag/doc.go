// Package diag is a problem as data: where, what, and what to do.
//
// It owns the shape in which every error reaches a person (STYLE.md names it:
// "position: subject: problem", notes, hint) and the four kinds of blame, each
// with its exit code. It does not print: cmd does.
package diag
