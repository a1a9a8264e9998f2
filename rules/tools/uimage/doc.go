// Package uimage writes and reads U-Boot's legacy images: a header of 64 bytes
// before a kernel, a ramdisk, a script or several files.
//
// It owns the format as U-Boot's include/image.h (struct legacy_img_hdr) and
// tools/default_image.c define it, and U-Boot's names of architectures,
// operating systems, types and compressions (boot/image.c). It does not
// compress, and does not know what the data are; so it does not, as mkimage
// does, take the addresses of a "tee" from the data.
//
// The header comes first and holds the CRC-32 of the data. NewHeader reads the
// data once for that and Write reads them once more, so that neither the data
// has to fit in memory nor the output has to be seekable.
package uimage
