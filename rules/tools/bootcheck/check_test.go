package bootcheck

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// all is a configuration that can boot everything.
const all = `# Linux/powerpc 6.1.176 Kernel Configuration
CONFIG_BINFMT_ELF=y
CONFIG_BINFMT_SCRIPT=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_BLK_DEV_RAM=y
CONFIG_BLK_DEV_RAM_SIZE=65536
CONFIG_DEVTMPFS=y
CONFIG_EXT2_FS=y
CONFIG_PROC_FS=y
CONFIG_RD_GZIP=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_TMPFS=y
CONFIG_TTY=y
`

func config(t testing.TB, text string) Config {
	t.Helper()
	c, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// without is all with the lines of some symbols gone.
func without(t testing.TB, symbols ...string) Config {
	t.Helper()
	lines := strings.SplitAfter(all, "\n")
	return config(t, strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "CONFIG_"), "=")
		return slices.Contains(symbols, name)
	}), ""))
}

func version(t testing.TB, text string) Version {
	t.Helper()
	v, err := ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func root(t testing.TB, more ...manifest.Entry) *manifest.Manifest {
	t.Helper()
	return entries(t, append([]manifest.Entry{
		{Path: "bin/busybox", Type: manifest.File, Mode: 0o755, Digest: digest.Of(make([]byte, 5000)), Origin: "//:busybox"},
		{Path: "dev/console", Type: manifest.Char, Mode: 0o600, Major: 5, Minor: 1},
		{Path: "dev/ttyS0", Type: manifest.Char, Mode: 0o600, Major: 4, Minor: 64},
		{Path: "etc/init.d/rcS", Type: manifest.File, Mode: 0o755, Digest: digest.Of([]byte("#!/bin/sh\n"))},
		{Path: "sbin/init", Type: manifest.Symlink, Mode: 0o777, Target: "../bin/busybox"},
	}, more...)...)
}

// entries is a manifest of them and the directories that lead to them.
func entries(t testing.TB, list ...manifest.Entry) *manifest.Manifest {
	t.Helper()
	made := map[string]bool{}
	for _, e := range slices.Clone(list) {
		made[e.Path] = true
	}
	for _, e := range slices.Clone(list) {
		for p := parent(e.Path); !made[p]; p = parent(p) {
			made[p] = true
			list = append(list, manifest.Entry{Path: p, Type: manifest.Directory, Mode: 0o755})
		}
	}
	m, err := manifest.New(list)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)]
}

// good is a question whose answer is yes.
func good(t testing.TB) Question {
	return Question{
		Config:  config(t, all),
		Kernel:  Kernel{Arch: "powerpc", Memory: 4 * mib},
		Version: version(t, "6.1.176"),
		Arch:    "powerpc",
		Image:   Image{Form: Ramdisk, Gzip: true, Stored: 2 * mib, Size: 8 * mib},
		Root:    root(t),
		Fstab:   "# what\nproc /proc proc defaults 0 0\ntmpfs /run tmpfs mode=0755 0 0\nnone /x unheard defaults\n\nshort line\n",
		Programs: Programs{
			Arch:    "powerpc",
			Class:   "ELFCLASS32",
			Data:    "ELFDATA2MSB",
			Oldest:  version(t, "3.2"),
			Headers: version(t, "6.1.4"),
		},
		Console: "ttyS0,115200",
		RAM:     256 * mib,
		Reserve: 16 * mib,
	}
}

// What a kernel has to be told depends on the image, and on nothing that the
// user would have to look up.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Question)
		want   string
	}{
		{"ramdisk", func(*Question) {}, "root=/dev/ram0 rw"},
		{"as large as the RAM disk", func(q *Question) { q.Image.Size = 64 * mib }, "root=/dev/ram0 rw"},
		{"larger than it", func(q *Question) { q.Image.Size = 64*mib + 1 }, "root=/dev/ram0 rw ramdisk_size=65537"},
		{"a RAM disk of our size", func(q *Question) { q.RamdiskKiB = 8192 }, "root=/dev/ram0 rw ramdisk_size=8192"},
		{"init", func(q *Question) { q.Init = "/bin/busybox" }, "root=/dev/ram0 rw init=/bin/busybox"},
		{"no node of the console", func(q *Question) { q.Console = "ttyS1" }, "root=/dev/ram0 rw devtmpfs.mount=1"},
		{"devtmpfs by itself", func(q *Question) {
			q.Console = "ttyS1"
			q.Config = config(t, all+"CONFIG_DEVTMPFS_MOUNT=y\n")
		}, "root=/dev/ram0 rw"},
		{"unknown console", func(q *Question) { q.Console = "" }, "root=/dev/ram0 rw"},
		{"ext4's driver", func(q *Question) {
			q.Config = config(t, strings.Replace(all, "CONFIG_EXT2_FS=y\n", "CONFIG_EXT4_USE_FOR_EXT2=y\n", 1))
			q.Fstab = "/dev/vda /var ext2 defaults 0 0\n"
		}, "root=/dev/ram0 rw"},
		{"uncompressed", func(q *Question) {
			q.Image.Gzip = false
			q.Config = without(t, "RD_GZIP")
		}, "root=/dev/ram0 rw"},
		{"optional mounts", func(q *Question) {
			q.Fstab = "a /a ext4 nofail\nb /b vfat ro,noauto\n"
		}, "root=/dev/ram0 rw"},
		{"initramfs", func(q *Question) {
			q.Image = Image{Form: Initramfs, Gzip: true, Stored: mib}
			q.Root = root(t, manifest.Entry{Path: "init", Type: manifest.Symlink, Mode: 0o777, Target: "/sbin/init"})
			q.Config = without(t, "EXT2_FS", "BLK_DEV_RAM")
		}, "rdinit=/init"},
		{"initramfs with init", func(q *Question) {
			q.Image = Image{Form: Initramfs}
			q.Init = "/sbin/init"
		}, "rdinit=/sbin/init"},
		{"64 bits", func(q *Question) {
			q.Programs.Class = "ELFCLASS64"
			q.Config = config(t, all+"CONFIG_64BIT=y\n")
		}, "root=/dev/ram0 rw"},
		{"32 bits on 64", func(q *Question) {
			q.Config = config(t, all+"CONFIG_64BIT=y\nCONFIG_COMPAT=y\n")
		}, "root=/dev/ram0 rw"},
		{"headers of another stable release", func(q *Question) { q.Version = version(t, "6.1.1") }, "root=/dev/ram0 rw"},
		{"a file that does not say", func(q *Question) { q.Kernel.Arch = "" }, "root=/dev/ram0 rw"},
		{"no RAM", func(q *Question) { q.RAM, q.Image.Size = 0, 60000*mib }, "root=/dev/ram0 rw ramdisk_size=61440000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := good(t)
			test.change(&q)
			answer, err := Check(q)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(answer.Words, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Each thing that would be a panic or a silent machine is a sentence.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Question)
		want   []string // all problems
	}{
		{"no ext2", func(q *Question) { q.Config = without(t, "EXT2_FS") },
			[]string{"CONFIG_EXT2_FS is not set: it has no driver for the file system of the image"}},
		{"ext2 as a module", func(q *Question) { q.Config = config(t, strings.Replace(all, "EXT2_FS=y", "EXT2_FS=m", 1)) },
			[]string{"CONFIG_EXT2_FS=m: it has no driver for the file system of the image"}},
		{"no gzip", func(q *Question) { q.Config = without(t, "RD_GZIP") },
			[]string{"CONFIG_RD_GZIP is not set: it cannot unpack the image, which is compressed with gzip"}},
		{"no initrd", func(q *Question) { q.Config = without(t, "BLK_DEV_INITRD") },
			[]string{"CONFIG_BLK_DEV_INITRD is not set: it does not look at what a loader hands over"}},
		{"no RAM disk", func(q *Question) { q.Config = without(t, "BLK_DEV_RAM") },
			[]string{"CONFIG_BLK_DEV_RAM is not set: it has no RAM disk to put the image on"}},
		{"no programs", func(q *Question) { q.Config = without(t, "BINFMT_ELF", "BINFMT_SCRIPT") },
			[]string{"CONFIG_BINFMT_ELF is not set: it could start no program", "CONFIG_BINFMT_SCRIPT is not set: it could start none of the scripts in /etc/init.d"}},
		{"no terminals", func(q *Question) { q.Config = without(t, "TTY", "SERIAL_8250_CONSOLE") },
			[]string{"CONFIG_SERIAL_8250_CONSOLE is not set: it has no console on ttyS0", "CONFIG_TTY is not set: it has no terminals, and so no console"}},
		{"mounts", func(q *Question) { q.Config = without(t, "PROC_FS", "TMPFS") },
			[]string{"CONFIG_PROC_FS is not set: /etc/fstab mounts proc on /proc", "CONFIG_TMPFS is not set: /etc/fstab mounts tmpfs on /run"}},
		{"no device nodes", func(q *Question) {
			q.Console = "hvc0"
			q.Config = config(t, strings.Replace(all, "CONFIG_DEVTMPFS=y\n", "CONFIG_HVC_DRIVER=y\n", 1))
		}, []string{"CONFIG_DEVTMPFS is not set: the image has no device node /dev/hvc0, and the kernel could not bring it"}},
		{"architecture", func(q *Question) { q.Programs.Arch, q.Programs.Class = "arm64", "ELFCLASS64" },
			[]string{"the kernel is for powerpc, the image for arm64"}},
		{"file", func(q *Question) { q.Kernel.Arch = "x86" },
			[]string{"the kernel's file is for x86, its target says powerpc"}},
		{"word size", func(q *Question) { q.Programs.Class = "ELFCLASS64" },
			[]string{"CONFIG_64BIT is not set: the programs of the image are 64-bit ones"}},
		{"no compat", func(q *Question) { q.Config = config(t, all+"CONFIG_64BIT=y\n") },
			[]string{"CONFIG_COMPAT is not set: the programs of the image are 32-bit ones, the kernel is not"}},
		{"little", func(q *Question) { q.Config = config(t, all+"CONFIG_CPU_LITTLE_ENDIAN=y\n") },
			[]string{"CONFIG_CPU_LITTLE_ENDIAN=y: the programs of the image are big endian"}},
		{"big", func(q *Question) {
			q.Programs.Data = "ELFDATA2LSB"
			q.Config = config(t, all+"CONFIG_CPU_BIG_ENDIAN=y\n")
		}, []string{"CONFIG_CPU_BIG_ENDIAN=y: the programs of the image are little endian"}},
		{"old kernel", func(q *Question) { q.Version = version(t, "2.6.32") }, []string{
			"the kernel is version 2.6.32, and the C library of the image runs on 3.2 and newer",
			"the kernel is version 2.6.32, and the programs of the image are compiled with the headers of 6.1.4, which is newer",
		}},
		{"headers", func(q *Question) { q.Version = version(t, "6.0.19") },
			[]string{"the kernel is version 6.0.19, and the programs of the image are compiled with the headers of 6.1.4, which is newer"}},
		{"no init", func(q *Question) {
			q.Root = entries(t, manifest.Entry{Path: "dev/console", Type: manifest.Char}, manifest.Entry{Path: "dev/ttyS0", Type: manifest.Char})
		},
			[]string{"the image has no /sbin/init, /etc/init, /bin/init: the kernel would have nothing to start"}},
		{"no initramfs' init", func(q *Question) { q.Image = Image{Form: Initramfs} },
			[]string{"the image has no /init: the kernel would have nothing to start"}},
		{"missing init", func(q *Question) { q.Init = "/sbin/start" },
			[]string{"the image has no /sbin/start: the kernel would have nothing to start"}},
		{"init that is no program", func(q *Question) { q.Init = "/etc/init.d" },
			[]string{"/etc/init.d cannot be started: it is a directory with mode 0755"}},
		{"init without x", func(q *Question) {
			q.Root = root(t, manifest.Entry{Path: "start", Type: manifest.File, Mode: 0o644, Digest: digest.Of([]byte("x"))})
			q.Init = "/start"
		}, []string{"/start cannot be started: it is a file with mode 0644"}},
		{"RAM", func(q *Question) { q.Image.Stored, q.Image.Size, q.RamdiskKiB = 120*mib, 150*mib, 200*1024 },
			[]string{"the machine has 256 MiB of RAM, and it takes 290: 4 for the kernel, 120 for the image as it is loaded, 150 for the image unpacked, 16 left for programs"}},
		{"half of the RAM", func(q *Question) {
			q.Image = Image{Form: Initramfs, Stored: 1}
			q.Init = "/bin/busybox"
			q.Root = entries(t, manifest.Entry{Path: "bin/busybox", Type: manifest.File, Mode: 0o755, Digest: sized(t, 130*mib)})
			q.Config = config(t, all)
		}, []string{
			"an initramfs may fill half of the RAM of the machine, which has 256 MiB; unpacked it has 131",
			"the machine has 256 MiB of RAM, and it takes 261: 4 for the kernel, 1 for the image as it is loaded, 131 for the image unpacked, 16 left for programs",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := good(t)
			test.change(&q)
			_, err := Check(q)
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if !slices.Equal(refusal.Problems, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(refusal.Problems, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func sized(t testing.TB, size int64) digest.Digest {
	t.Helper()
	d, err := digest.New(digest.Empty.Hex(), size)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whoever is over the limit must be told because of what.
func TestRamdiskLimitBlames(t *testing.T) {
	q := good(t)
	q.RamdiskKiB = 8191
	_, err := Check(q)
	for _, want := range []string{"8388608 bytes", "its limit is 8387584: 1024 too many", "5000  //:busybox"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// One build has to show all that is wrong, in an order that does not change, and
// what to write where.
func TestAllProblemsAtOnce(t *testing.T) {
	q := good(t)
	q.Config = without(t, "RD_GZIP", "EXT2_FS", "TTY")
	q.Fstab = "/dev/vda /var ext2 defaults 0 0\n"
	q.RAM = 16 * mib
	_, err := Check(q)
	const want = `the kernel cannot boot the image:
    CONFIG_EXT2_FS is not set: /etc/fstab mounts ext2 on /var
    CONFIG_EXT2_FS is not set: it has no driver for the file system of the image
    CONFIG_RD_GZIP is not set: it cannot unpack the image, which is compressed with gzip
    CONFIG_TTY is not set: it has no terminals, and so no console
    the machine has 16 MiB of RAM, and it takes 30: 4 for the kernel, 2 for the image as it is loaded, 8 for the image unpacked, 16 left for programs
    hint: add to a fragment of the kernel: CONFIG_EXT2_FS=y CONFIG_RD_GZIP=y CONFIG_TTY=y`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// The first program is found where the kernel finds it.
func TestLookup(t *testing.T) {
	link := func(path, target string) manifest.Entry {
		return manifest.Entry{Path: path, Type: manifest.Symlink, Mode: 0o777, Target: target}
	}
	m := root(t,
		link("usr/sbin", "../sbin"),
		link("up", "../../bin/./busybox"),
		link("absolute", "/usr/sbin/init"),
		link("loop", "pool"),
		link("pool", "loop"),
		link("gone", "bin/gone"),
		link("through", "bin/busybox/x"),
		manifest.Entry{Path: "hard", Type: manifest.Link, Target: "bin/busybox"},
		link("soft", "hard"),
	)
	for p, want := range map[string]string{
		"bin/busybox":    "bin/busybox",
		"usr/sbin/init":  "bin/busybox",
		"up":             "bin/busybox",
		"absolute":       "bin/busybox",
		"hard":           "bin/busybox",
		"soft":           "bin/busybox",
		"bin/../sbin":    "sbin",
		"loop":           "",
		"gone":           "",
		"through":        "",
		"bin/busybox/..": "bin",
	} {
		e, ok := lookup(m, p)
		if ok != (want != "") || e.Path != want {
			t.Errorf("%s: got %q, %v, want %q", p, e.Path, ok, want)
		}
	}
}
