// Package bootcheck says whether a kernel can boot an image, before anything
// boots, and what the kernel has to be told on its command line.
//
// It owns the knowledge of what Linux does with an initrd: which options of its
// configuration take part, how large a RAM disk may be, how much memory all of
// it needs, what is started first. The sources are Linux's init/do_mounts*.c,
// init/main.c and drivers/block/brd.c, the same from 2.6.23 to 6.x where this
// package relies on them. It reads, but does not own, the formats of kernels
// (ELF; Documentation/arch/x86/boot.rst; Documentation/arch/arm64/booting.rst)
// and of images.
//
// It does not know machines: how much RAM there is and where its console is are
// arguments.
package bootcheck
