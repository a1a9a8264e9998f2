package bootcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/budget"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Programs is what the programs of an image expect of a kernel.
type Programs struct {
	Arch    string  // the kernel's name of the architecture
	Class   string  // ELFCLASS32 or ELFCLASS64
	Data    string  // ELFDATA2LSB or ELFDATA2MSB
	Oldest  Version // the oldest kernel that the C library runs on
	Headers Version // of the kernel headers that they were compiled with
}

// Question is whether a kernel can boot an image.
type Question struct {
	Config   Config
	Kernel   Kernel
	Version  Version // of the kernel
	Arch     string  // that the kernel was built for
	Image    Image
	Root     *manifest.Manifest // what the image holds
	Fstab    string             // text of its /etc/fstab
	Programs Programs

	Console    string // of the machine, as console= names it; "" if nobody said
	Init       string // absolute path of the first program; "" for what the kernel looks for
	RAM        int64  // bytes that the machine has; 0 if nobody said
	Reserve    int64  // bytes of RAM to be left for programs
	RamdiskKiB int64  // largest RAM disk; 0 if it may be as large as the image
}

// Answer is what a kernel that can boot an image has to be told.
type Answer struct {
	Words []string // for the kernel's command line
	RAM   int64    // bytes that the machine needs at least
}

// Refusal is why a kernel cannot boot an image.
type Refusal struct {
	Problems []string // a sentence each, sorted
	Missing  []string // symbols of the configuration that have to be y, sorted
}

func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString("the kernel cannot boot the image:")
	for _, p := range r.Problems {
		b.WriteString("\n    " + p)
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "\n    hint: add to a fragment of the kernel: CONFIG_%s=y", strings.Join(r.Missing, "=y CONFIG_"))
	}
	return b.String()
}

// Check answers a question; the error is a *Refusal with all that is in the way.
func Check(q Question) (Answer, error) {
	c := &check{Question: q}
	c.architecture()
	c.versions()
	c.programs()
	c.console()
	c.root()
	c.mounts()
	c.memory()
	if len(c.refusal.Problems) > 0 {
		slices.Sort(c.refusal.Problems)
		slices.Sort(c.refusal.Missing)
		c.refusal.Missing = slices.Compact(c.refusal.Missing)
		return Answer{}, &c.refusal
	}
	return c.answer, nil
}

// check collects the answer to a question, and the reasons against it.
type check struct {
	Question
	answer  Answer
	refusal Refusal
}

func (c *check) complain(format string, args ...any) {
	c.refusal.Problems = append(c.refusal.Problems, fmt.Sprintf(format, args...))
}

// need complains if the symbol is not built in. why completes the sentence.
func (c *check) need(symbol, why string) {
	if c.Config.BuiltIn(symbol) {
		return
	}
	c.complain("%s: %s", c.Config.State(symbol), why)
	c.refusal.Missing = append(c.refusal.Missing, symbol)
}

func (c *check) tell(format string, args ...any) {
	c.answer.Words = append(c.answer.Words, fmt.Sprintf(format, args...))
}

func (c *check) architecture() {
	if c.Arch != c.Programs.Arch {
		c.complain("the kernel is for %s, the image for %s", c.Arch, c.Programs.Arch)
		return // what follows would say the same in other words
	}
	if c.Kernel.Arch != "" && c.Kernel.Arch != c.Arch {
		c.complain("the kernel's file is for %s, its target says %s", c.Kernel.Arch, c.Arch)
	}
	if c.Programs.Class == "ELFCLASS64" {
		c.need("64BIT", "the programs of the image are 64-bit ones")
	} else if c.Config.BuiltIn("64BIT") {
		c.need("COMPAT", "the programs of the image are 32-bit ones, the kernel is not")
	}
	if c.Programs.Data == "ELFDATA2MSB" && c.Config.BuiltIn("CPU_LITTLE_ENDIAN") {
		c.complain("CONFIG_CPU_LITTLE_ENDIAN=y: the programs of the image are big endian")
	}
	if c.Programs.Data == "ELFDATA2LSB" && c.Config.BuiltIn("CPU_BIG_ENDIAN") {
		c.complain("CONFIG_CPU_BIG_ENDIAN=y: the programs of the image are little endian")
	}
}

func (c *check) versions() {
	if c.Version.Compare(c.Programs.Oldest) < 0 {
		c.complain("the kernel is version %s, and the C library of the image runs on %s and newer", c.Version, c.Programs.Oldest)
	}
	if c.Version.series().Compare(c.Programs.Headers.series()) < 0 {
		c.complain("the kernel is version %s, and the programs of the image are compiled with the headers of %s, which is newer", c.Version, c.Programs.Headers)
	}
}

func (c *check) programs() {
	c.need("BINFMT_ELF", "it could start no program")
	if holdsBelow(c.Root, "etc/init.d") {
		c.need("BINFMT_SCRIPT", "it could start none of the scripts in /etc/init.d")
	}
}

func holdsBelow(m *manifest.Manifest, directory string) bool {
	return slices.ContainsFunc(m.Entries(), func(e manifest.Entry) bool {
		return e.Type == manifest.File && strings.HasPrefix(e.Path, directory+"/")
	})
}

// consoles are the drivers by what their devices' names begin with, as
// Documentation/admin-guide/devices.txt has them.
var consoles = map[string]string{
	"hvc":    "HVC_DRIVER",
	"tty":    "VT_CONSOLE",
	"ttyAMA": "SERIAL_AMBA_PL011_CONSOLE",
	"ttyAML": "SERIAL_MESON_CONSOLE",
	"ttyCPM": "SERIAL_CPM_CONSOLE",
	"ttyLP":  "SERIAL_FSL_LPUART_CONSOLE",
	"ttyPS":  "SERIAL_XILINX_PS_UART_CONSOLE",
	"ttyS":   "SERIAL_8250_CONSOLE",
	"ttySAC": "SERIAL_SAMSUNG_CONSOLE",
	"ttySIF": "SERIAL_SIFIVE_CONSOLE",
	"ttyUL":  "SERIAL_UARTLITE_CONSOLE",
	"ttymxc": "SERIAL_IMX_CONSOLE",
}

func (c *check) console() {
	if c.Console == "" {
		return
	}
	c.need("TTY", "it has no terminals, and so no console")
	name := c.consoleName()
	if driver, ok := consoles[strings.TrimRight(name, "0123456789")]; ok {
		c.need(driver, "it has no console on "+name)
	}
}

// consoleName is the console without its options: ttyS0 of ttyS0,115200.
func (c *check) consoleName() string {
	name, _, _ := strings.Cut(c.Console, ",")
	return name
}

// root is about the root file system: what it takes to get at it, and to start
// its first program.
func (c *check) root() {
	c.need("BLK_DEV_INITRD", "it does not look at what a loader hands over")
	if c.Image.Gzip {
		c.need("RD_GZIP", "it cannot unpack the image, which is compressed with gzip")
	}
	if c.Image.Form == Ramdisk {
		c.ramdisk()
		c.first("init", "sbin/init", "etc/init", "bin/init")
		return
	}
	c.initramfs()
}

func (c *check) ramdisk() {
	c.need("BLK_DEV_RAM", "it has no RAM disk to put the image on")
	c.needExt2("it has no driver for the file system of the image")
	c.tell("root=/dev/ram0")
	c.tell("rw")
	c.ramdiskSize()
	c.devices()
}

func (c *check) needExt2(why string) {
	if !c.Config.BuiltIn("EXT4_USE_FOR_EXT2") {
		c.need("EXT2_FS", why)
	}
}

// devices makes the kernel bring its device nodes if the one of the console is
// not in the image: init would have no input and output, or nobody could log in.
func (c *check) devices() {
	for _, name := range []string{"console", c.consoleName()} {
		e, ok := lookup(c.Root, "dev/"+name)
		if name == "" || ok && e.Type == manifest.Char {
			continue
		}
		c.need("DEVTMPFS", fmt.Sprintf("the image has no device node /dev/%s, and the kernel could not bring it", name))
		if !c.Config.BuiltIn("DEVTMPFS_MOUNT") {
			c.tell("devtmpfs.mount=1")
		}
		return
	}
}

// ramdiskSize says how large the RAM disk has to be, unless it is without a word.
func (c *check) ramdiskSize() {
	limit := c.RamdiskKiB * 1024
	if err := budget.Check(c.Image.Size, limit, c.Root); err != nil {
		c.complain("the file system does not fit into the RAM disk: %s", err)
	}
	if limit > 0 {
		c.tell("ramdisk_size=%d", c.RamdiskKiB)
		return
	}
	needed := (c.Image.Size + 1023) / 1024
	if standard, ok := c.Config.Int("BLK_DEV_RAM_SIZE"); ok && needed > standard {
		c.tell("ramdisk_size=%d", needed)
	}
}

func (c *check) initramfs() {
	if c.Init == "" {
		c.Init = "/init"
	}
	c.first("rdinit")
}

// first looks for the first program: the one that is asked for with a word of
// the command line, or else the first that is there of those that the kernel
// tries.
func (c *check) first(word string, tried ...string) {
	if c.Init != "" {
		c.tell("%s=%s", word, c.Init)
		tried = []string{strings.TrimPrefix(c.Init, "/")}
	}
	for _, p := range tried {
		e, ok := lookup(c.Root, p)
		if !ok {
			continue
		}
		if e.Type != manifest.File || e.Mode&0o111 == 0 {
			c.complain("/%s cannot be started: it is a %s with mode %04o", p, e.Type, e.Mode)
		}
		return
	}
	c.complain("the image has no /%s: the kernel would have nothing to start", strings.Join(tried, ", /"))
}
