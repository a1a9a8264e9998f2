// Package cpio writes a root file system as an initramfs: a cpio archive in the
// form "newc", which the kernel unpacks into its root file system.
//
// It owns the form of the archive: the order of its members, and every byte that
// is not content of a file. It knows neither how an archive is asked for nor
// where content is kept: Plan sees a manifest, Write a function that opens files.
// No root, no temporary file; the archive is written from front to back.
// DESIGN.md, "Images".
//
// # The archive
//
// The format is that of linux/Documentation/driver-api/early-userspace/buffer-format.rst,
// as linux/init/initramfs.c reads it. The root is the member "."; all others have
// the manifest's paths, in its order, so that a directory precedes what it holds.
// Inodes are numbered from 1 in the order of their first names. A file with
// several names is a member for each: all have its mode and owner, the last has
// its content. The kernel would take the content anywhere; GNU cpio and busybox
// look for it there.
//
// # Limits
//
// A file has at most 4 GiB - 1 bytes. There are no extended attributes: those of
// a manifest are an error, unless Options say to drop them. No path is
// "TRAILER!!!", the name that ends an archive. What does not fit is an error of
// Plan that names the path.
package cpio
