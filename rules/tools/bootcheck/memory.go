package bootcheck

import "github.com/kittyhawk/appliance/rules/tools/manifest"

const (
	pageBytes  = 4096
	inodeBytes = 1024 // what Linux keeps in memory for one file of a tmpfs
	mib        = 1 << 20
)

// memory says how much RAM the machine needs, and complains if it has less.
//
// The kernel lies in memory, the image as the loader puts it there, and the
// whole of the unpacked image: of a RAM disk even the blocks that are free, since
// they are written, of an initramfs the pages of its files. Only then is the
// loaded image given back. A root file system in a tmpfs may also take half of
// the RAM at most.
func (c *check) memory() {
	unpacked := c.Image.Size
	if c.Image.Form == Initramfs {
		unpacked = pagesOf(c.Root)
	}
	need := c.Kernel.Memory + c.Image.Stored + unpacked + c.Reserve
	half := c.Image.Form == Initramfs && c.Config.BuiltIn("TMPFS")
	if half {
		need = max(need, 2*unpacked)
	}
	c.answer.RAM = need
	if c.RAM == 0 || need <= c.RAM {
		return
	}
	c.complain("the machine has %d MiB of RAM, and it takes %d: %d for the kernel, %d for the image as it is loaded, %d for the image unpacked, %d left for programs",
		c.RAM/mib, inMiB(need), inMiB(c.Kernel.Memory), inMiB(c.Image.Stored), inMiB(unpacked), inMiB(c.Reserve))
	if half && 2*unpacked > c.RAM {
		c.complain("an initramfs may fill half of the RAM of the machine, which has %d MiB; unpacked it has %d", c.RAM/mib, inMiB(unpacked))
	}
}

// inMiB rounds up.
func inMiB(bytes int64) int64 { return (bytes + mib - 1) / mib }

func pagesOf(m *manifest.Manifest) int64 {
	var sum int64
	for _, e := range m.Entries() {
		sum += inodeBytes + (e.Size()+pageBytes-1)/pageBytes*pageBytes
	}
	return sum
}
