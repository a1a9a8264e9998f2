// Package ext2 writes a root file system as an ext2 image.
//
// It owns the form of the image: where everything lies, and every byte that is
// not content of a file. It knows neither how an image is asked for nor where
// content is kept: Plan sees a manifest, Write a function that opens files. No
// mount, no root, no temporary file; the image is written from front to back.
// DESIGN.md, "Images".
//
// # The image
//
// The format is that of linux/fs/ext2/ext2.h and of the e2fsprogs. All blocks
// that carry content are the first data blocks of the image, in the order of
// the manifest's paths, without a gap: a directory lies before what it holds,
// a file in one piece, with every indirect block just before the blocks it
// points to. Free blocks and free inodes are at the end. The number of groups,
// and inodes in them, is the least that holds the content and the wishes.
//
// The plan keeps for each inode where its blocks begin and nothing for a block,
// so memory grows with the number of files and not with their size.
//
// Blocks of zeros are stored like others, unless Options.Holes, the result of a
// pass over the content before the plan, says where they are.
//
// # What is left out
//
// There is no hash index for directories (dir_index): Linux's ext2 driver does
// not read one, and drops it at the first change. There is no room set aside
// to grow the file system later (resize_inode), and no journal.
//
// # Limits
//
// A file has at most 2 TiB (16 GiB with 1 KiB blocks, 256 GiB with 2 KiB), at
// most 32000 names, a directory at most 31998 directories. A symbolic link and
// all extended attributes of an inode have to fit one block each. What does not
// fit is an error of Plan that names the path.
package ext2
