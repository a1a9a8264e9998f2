// Package archive unpacks source archives into trees: tar, also compressed by
// gzip, bzip2, xz or zstd, and zip. What an archive is shows in its first bytes,
// never in its name.
//
// It owns the distrust that archives deserve. Of each entry the name, the bytes,
// the executable bit and the link target are taken; owners, other modes, times and
// extended attributes are not. An entry that would reach out of the tree, be
// written through a symbolic link, or turn a file into a directory is an error that
// names it, and so are devices. Sizes are limited, so that a bomb ends in words.
//
// An entry that comes twice must be the same thing twice: tar would let the later
// one win, but nobody who reads the archive's listing could tell which one that is.
// Symbolic links that lead out of the tree are refused unless
// Options.AllowEscapingLinks is set: in the sandbox they would point into the tool
// root.
//
// The package does not know packages, URLs or digests of archives. Its tool is
// "unpack".
package archive
