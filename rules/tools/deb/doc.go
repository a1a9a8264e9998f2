// Package deb unpacks Debian binary packages, format 2.0 (deb(5)).
//
// Of a package the files are taken, nothing else: what its scripts would do is
// declared by whoever composes a tool root. Absolute symbolic links stay as they
// are, for the tree is to be a root directory. setuid bits are dropped, as all
// modes are; devices are errors.
//
// The package owns the ar container. What is in a tar archive, and what may not be,
// is known to package archive. Its tool is "deb".
package deb
