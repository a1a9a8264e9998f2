// Package disk keeps blobs, trees and results in a directory of this machine.
//
// It owns that directory: nobody else reads or writes in it but through paths
// that this package gave out. It does not know what blobs mean, who makes
// results, or where its directory should be.
//
// # Layout
//
//	version                     format of the whole store
//	cas/ab/<hash>-<size>        a blob, mode 0444
//	cas/ab/<hash>-<size>.x      the same bytes as a program, mode 0555: hard links share a mode
//	trees/ab/<hash>-<size>/     a directory tree by the digest of its root Directory;
//	                            its files are hard links to blobs
//	ac/ab/<hash>-<size>         a result by the action digest
//	memo/, logs/                small results of tools, logs of actions
//	roots/                      what gc must keep
//	tmp/<process>/              what is not finished yet, with a lock file beside it
//
// # Why it survives being killed
//
// Everything is made below tmp/ and renamed into place when it is whole. So a
// tree that exists is complete. The bytes of blobs are not synced one by one (a
// package has thousands): results wait in memory until one syncfs(2) has made
// everything they name durable, and are renamed into place after it. A blob that
// no result names yet may be torn by a power cut. Its size tells mostly; and all
// blobs changed between the last syncfs and the boot are hashed again when they
// are next asked for.
//
// # Why damage is found
//
// A file of the store is read-only and has one modification time, Time. A file
// whose size, mode or time is not as it was left is hashed again before it is
// given out; one with wrong bytes is removed and reported as *store.Missing, so
// that whoever made it makes it again. Reading a blob front to back checks its
// digest in any case.
//
// # Sharing
//
// Many processes may have one store open. None of them waits for another: equal
// things have equal names, and renaming is atomic. The access time of a blob or
// tree and the modification time of a result say when it was last used, to the
// day (never mind how the file system is mounted: they are set explicitly).
package disk
