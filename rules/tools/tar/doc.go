// Package tar writes a tree as a tar archive, plain or compressed by gzip or
// zstd, in bytes that depend on the tree and the options and on nothing else:
// not on the clock, the user or the number of cores.
//
// It owns what a tree does not say: order, owners, modes and times of the
// members, and which files are one. It does not know what the archive is for. The
// blocks themselves are written by archive/tar of Go's library, zstd frames by
// klauspost/compress/zstd v1.20.3, gzip by rules/tools/gzip. No temporary file;
// the archive is written from front to back.
//
// # The archive
//
// Members are in the order of their paths, a directory before what it holds.
// They are in the ustar format of POSIX.1-1988; what has no room there - long
// names, names that are not ASCII, files from 8 GiB - has a pax header of
// POSIX.1-2001 before it. All belong to user and group 0, without names. Directories and
// programs have mode 0755, other files 0644. The time is one constant.
//
// Programs with equal bytes are one file with several names (hard links): a tree
// has no links between files, and compilers come with programs under two or three
// names. Other files never are: who edits one of two equal headers would change both.
//
// # Compression
//
// zstd writes one frame with a checksum. Its window is 8 MiB, which every decoder has
// to support (RFC 8878, 3.1.1.1.2). The input is cut into jobs of 32 MiB, each
// compressed with the end of the one before as its history: so all cores work,
// and the number of cores makes no difference.
package tar
