package sandbox

import (
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mountProc mounts a /proc that shows the processes of the sandbox. What
// belongs to the whole machine is read-only: a caller who is root outside owns it.
// The list is that of OCI runtimes (runtime-spec, linux.readonlyPaths).
func (b *builder) mountProc(target int) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", name(target), "proc", flags, ""); err != nil {
		return step(abilityProc, "mount /proc", err)
	}
	for _, p := range []string{"acpi", "bus", "fs", "irq", "scsi", "sys", "sysrq-trigger"} {
		if err := b.bindOver("/proc/" + p); err != nil && err != unix.ENOENT {
			return step(abilityProc, "make /proc/"+p+" read-only", err)
		}
	}
	return nil
}

// bindOver mounts p, read-only, on itself.
func (b *builder) bindOver(p string) error {
	fd, err := b.open(p)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return bind(fd, fd, true, p)
}

// mountTmp mounts an empty directory in memory.
func (b *builder) mountTmp(target int) error {
	err := unix.Mount("tmpfs", name(target), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	return step(abilityMounts, "mount /tmp", err)
}

// devices are the nodes that are the same on every Linux.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// deviceLinks are the links that programs expect beside them.
var deviceLinks = [][2]string{
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
}

// mountDev mounts a /dev with nodes of the host, which alone work in a user
// namespace, and terminals and shared memory of its own.
func (b *builder) mountDev(target int) error {
	err := unix.Mount("tmpfs", name(target), "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755")
	if err != nil {
		return step(abilityMounts, "mount /dev", err)
	}
	dev, err := b.open("/dev")
	if err != nil {
		return step("", "open /dev", err)
	}
	defer unix.Close(dev)
	if err := fillDev(name(dev) + "/"); err != nil {
		return err
	}
	for _, device := range b.spec.Devices {
		if err := bindHostDevice(device, name(dev)); err != nil {
			return step(abilityMounts, "mount "+device, err)
		}
	}
	return b.makeReadOnly("/dev")
}

// bindHostDevice mounts a device of the host below the directory dev, if it is
// there and the caller may use it, which only opening it tells: there are modes,
// and in a container the rules of its control group. In here the caller is root,
// yet not over nodes that are not his.
func bindHostDevice(device, dev string) error {
	name := strings.TrimPrefix(device, "/dev/")
	if ownDev(name) {
		return nil
	}
	f, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	unix.Close(f)
	at := dev + "/" + name
	if err := os.MkdirAll(path.Dir(at), 0o755); err != nil {
		return err
	}
	if err := makeEmpty(at, false); err != nil {
		return err
	}
	return unix.Mount(device, at, "", unix.MS_BIND, "")
}

// ownDev reports whether a name below /dev is that of something that every
// sandbox has, or lies below it.
func ownDev(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains(devices, first) || first == "shm" || first == "pts" ||
		slices.ContainsFunc(deviceLinks, func(link [2]string) bool { return link[1] == first })
}

func fillDev(dev string) error {
	for _, node := range devices {
		if err := bindDevice(node, dev+node); err != nil {
			return step(abilityMounts, "mount /dev/"+node, err)
		}
	}
	for _, link := range deviceLinks {
		if err := unix.Symlink(link[0], dev+link[1]); err != nil {
			return step("", "link /dev/"+link[1], err)
		}
	}
	if err := mountNew("tmpfs", dev+"shm", unix.MS_NODEV, "mode=1777"); err != nil {
		return step(abilityMounts, "mount /dev/shm", err)
	}
	err := mountNew("devpts", dev+"pts", 0, "newinstance,ptmxmode=0666,mode=0620")
	return step(abilityMounts, "mount /dev/pts", err)
}

func bindDevice(node, at string) error {
	if err := makeEmpty(at, false); err != nil {
		return err
	}
	return unix.Mount("/dev/"+node, at, "", unix.MS_BIND, "")
}

// mountNew makes the directory at and mounts a new file system on it.
func mountNew(fstype, at string, flags uintptr, options string) error {
	if err := unix.Mkdir(at, 0o755); err != nil {
		return err
	}
	return unix.Mount(fstype, at, fstype, flags|unix.MS_NOSUID|unix.MS_NOEXEC, options)
}

// hideInterpreters gives the sandbox a table of binary formats of its own, an empty
// one. With the host's table, programs for another machine might start under an
// emulator on this host and fail on the next. Kernels before 6.7 have one
// table for all; then it stays visible, and results that need it are the caller's.
func hideInterpreters() {
	fs, err := unix.Fsopen("binfmt_misc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(fs)
	unix.FsconfigCreate(fs)
}

// setNames gives the machine names that tell nothing.
func setNames() error {
	if err := unix.Sethostname([]byte("appliance")); err != nil {
		return step(abilityNames, "set the host name", err)
	}
	return step(abilityNames, "set the domain name", unix.Setdomainname([]byte("(none)")))
}

// raiseLoopback switches 127.0.0.1 on, where the network namespace is new.
func raiseLoopback() error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return step(abilityNet, "open a socket", err)
	}
	defer unix.Close(sock)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return step(abilityNet, "name the loopback interface", err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return step(abilityNet, "raise the loopback interface", unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, lo))
}
