// Package manifest is a root file system as data: one entry an inode.
//
// It owns the meaning of an entry, the rules that make a set of entries a file
// system (one root, every parent a directory, links that resolve, values that
// Linux can store) and the text form. It does not know where content is kept,
// which layers an entry came from beyond the label in Origin, or how any image
// format stores it. DESIGN.md, "Root file system".
//
// # Text form
//
// The first line is "appliance-manifest 1": a name and the format's version.
// Every other line is one entry, sorted by path as bytes, and ends in a
// newline. Its ten columns are separated by one tab each; a column that does
// not apply is "-".
//
//	type    f file, d directory, l symbolic link, h hard link, c character
//	        device, b block device, p FIFO, s socket
//	mode    four octal digits: permissions, setuid, setgid, sticky
//	uid     decimal
//	gid     decimal
//	device  MAJOR:MINOR, decimal, for c and b
//	path    absolute, "/" is the root
//	target  for l its text; for h the absolute path of the file it names
//	digest  for f the SHA-256 and the size in bytes, HASH/SIZE
//	xattrs  NAME=VALUE,... sorted by name
//	origin  label of the target that put the entry here
//
// A hard link has no mode, uid, gid or xattrs of its own; they are "-".
//
//	appliance-manifest 1
//	d	0755	0	0	-	/	-	-	-	@rules//rootfs:skeleton
//	d	0755	0	0	-	/dev	-	-	-	@rules//rootfs:skeleton
//	c	0600	0	0	5:1	/dev/console	-	-	-	@rules//rootfs:skeleton
//	l	0777	0	0	-	/sh	busybox	-	-	@rules//library/busybox
//
// In path, target, xattrs and origin a tab is \t, a newline \n, a backslash \\,
// and \xNN (two lower-case hexadecimal digits) stands for any other byte that a
// terminal would not show as itself: control characters, bytes that are not
// UTF-8, and the invisible or direction-changing characters U+0080-009F,
// U+200B-200F, U+2028-202E, U+2060-206F, U+FEFF. "," and "=" inside xattrs are
// \x2c and \x3d, and a text that is just "-" is \x2d. Nothing else is escaped.
//
// A manifest has exactly one text: Parse refuses any other spelling, so equal
// manifests have equal digests.
package manifest
