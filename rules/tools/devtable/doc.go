// Package devtable reads the tables of devices and permissions that Buildroot
// and others give to makedevs (Buildroot's manual, "Makedev syntax
// documentation"; package/makedevs/makedevs.c).
//
// It owns the format: one line per inode or range of devices, and lines with
// the capabilities of the file before them. It does not know what is in the
// root file system, nor the ids of users: names are left as they are.
package devtable
