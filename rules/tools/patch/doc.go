// Package patch applies unified diffs to trees: those of diff -u and those of git,
// with new, deleted, renamed and copied files, executable bits, symbolic links and
// binary changes.
//
// A hunk that has moved is searched for, as patch(1) does, and the log tells how
// far; unlike there, all context lines must match (fuzz 0) unless Options say
// otherwise, because a hunk that is merely similar to its place is how patches go
// wrong in silence. A hunk that finds no place is an error; there are no rejects.
//
// It owns the format and the search. Binary changes are go-gitdiff's, whose text
// parser cannot strip other than one directory and does not know line numbers. Of
// the tree only the files that change are read. Its tool is "patch".
package patch
