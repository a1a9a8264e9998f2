package sandbox

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A builder makes the mount tree of one sandbox, inside its mount namespace.
//
// Directories are named by open file descriptors, and the working directory is
// /proc/self/fd, so that the name of a directory is its number: "7". That keeps the
// option string of 500 overlay layers below the kernel's limit of one page, needs
// no escapes for ':' and ',', and shows no host path in /proc/self/mountinfo.
type builder struct {
	spec   Spec
	disk   place // what the command writes to: the scratch directory
	memory place // what only we write to. An inode on a disk can cost a millisecond.
	root   int   // the sandbox's root
}

// A place is where new directories are made.
type place struct {
	fd   int
	used int // how many were made
}

// newDir makes an empty directory and returns its name.
func (p *place) newDir(purpose string) (string, error) {
	p.used++
	dir := name(p.fd) + "/" + strconv.Itoa(p.used) + "-" + purpose
	return dir, step("", "make a directory in the scratch directory", unix.Mkdir(dir, 0o755))
}

// pieces are what a sandbox has at fixed paths.
var pieces = map[string]func(b *builder, target int) error{
	"/proc": (*builder).mountProc,
	"/dev":  (*builder).mountDev,
	"/tmp":  (*builder).mountTmp,
}

// enterRoot builds the mount tree of spec and makes it the root.
func enterRoot(spec Spec) error {
	if err := detachMounts(); err != nil {
		return err
	}
	b := builder{spec: spec}
	if err := b.openScratch(); err != nil {
		return err
	}
	mounts := inOrder(spec.Mounts)
	if err := b.mountRoot(mounts); err != nil {
		return err
	}
	for _, m := range mounts[1:] {
		if err := b.mount(m, hosts(mounts, m.Path)); err != nil {
			return err
		}
	}
	if err := b.seal(mounts); err != nil {
		return err
	}
	return b.pivot()
}

// detachMounts keeps what we mount from other namespaces, and what they mount from us.
func detachMounts() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	return step(abilityMounts, "make mounts private", err)
}

// inOrder returns the mounts with the fixed pieces, parents before children.
func inOrder(mounts []Mount) []Mount {
	all := slices.Clone(mounts)
	for at := range pieces {
		if !slices.ContainsFunc(mounts, func(m Mount) bool { return m.Path == at }) {
			all = append(all, Mount{Path: at, Mode: piece})
		}
	}
	slices.SortFunc(all, func(a, b Mount) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// piece is the mode of the mounts in pieces.
const piece Mode = -1

// below reports whether path p lies below directory dir.
func below(p, dir string) bool {
	return p != dir && (dir == "/" || strings.HasPrefix(p, dir+"/"))
}

// hosts reports whether a mount point may have to be made in the mount at dir.
func hosts(mounts []Mount, dir string) bool {
	return slices.ContainsFunc(mounts, func(m Mount) bool { return below(m.Path, dir) })
}

// openScratch opens the scratch directory, hides it under one in memory and opens that.
func (b *builder) openScratch() error {
	disk, err := openPath(b.spec.Scratch)
	if err != nil {
		return step("", "open scratch directory "+b.spec.Scratch, err)
	}
	if err := unix.Mount("tmpfs", b.spec.Scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return step(abilityMounts, "mount a directory in memory", err)
	}
	memory, err := openPath(b.spec.Scratch)
	if err != nil {
		return step("", "open a directory in memory", err)
	}
	b.disk.fd, b.memory.fd = disk, memory
	return step(abilityProc, "enter /proc/self/fd of the host", unix.Chdir("/proc/self/fd"))
}

// placeFor returns where the upper side of a mount belongs.
func (b *builder) placeFor(mode Mode) *place {
	if mode == Overlay {
		return &b.disk
	}
	return &b.memory // for mount points
}

// name is how a path of a system call names an open file.
func name(fd int) string { return strconv.Itoa(fd) }

func openPath(p string) (int, error) {
	return unix.Open(p, unix.O_PATH|unix.O_CLOEXEC, 0)
}

func (b *builder) mountRoot(mounts []Mount) error {
	dir, err := b.memory.newDir("root")
	if err != nil {
		return err
	}
	target, err := openPath(dir)
	if err != nil {
		return step("", "open "+dir, err)
	}
	defer unix.Close(target)
	if err := b.attach(mounts[0], target, true); err != nil {
		return err
	}
	// By its path, unlike by its number, a directory is what is mounted on it.
	b.root, err = openPath(dir)
	return step("", "open the new root", err)
}

// mount puts m where it belongs in the sandbox.
func (b *builder) mount(m Mount, isHost bool) error {
	target, err := b.mountPoint(m)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if m.Mode == piece {
		return pieces[m.Path](b, target)
	}
	return b.attach(m, target, isHost)
}

// attach mounts the layers of m on target. A host is mounted so that mount points can
// be made in it; seal makes it read-only later.
func (b *builder) attach(m Mount, target int, isHost bool) error {
	layers, err := openLayers(m)
	if err != nil {
		return err
	}
	defer closeAll(layers)
	readOnly := m.Mode == ReadOnly && !isHost
	switch {
	case len(layers) == 0:
		return b.bindEmpty(m, target, readOnly)
	case m.Mode == Writable:
		return bind(layers[0], target, false, m.Path)
	case len(layers) == 1 && (readOnly || m.Mode == ReadOnly && !isDir(layers[0])):
		return bind(layers[0], target, true, m.Path)
	case readOnly:
		return b.overlay(layers, target, "", m.Path)
	default:
		return b.overlayWithUpper(layers, target, b.placeFor(m.Mode), m.Path)
	}
}

// openLayers opens the layers of m, lowest first. Of one that occurs twice, which overlayfs
// refuses, the later is kept: it hides the other.
func openLayers(m Mount) ([]int, error) {
	var fds []int
	for i, layer := range m.Layers {
		if slices.Contains(m.Layers[i+1:], layer) {
			continue
		}
		fd, err := openPath(layer)
		if err != nil {
			closeAll(fds)
			return nil, step("", "mount "+m.Path+": open layer "+layer, err)
		}
		fds = append(fds, fd)
		if !isDir(fd) && (len(m.Layers) > 1 || m.Mode == Overlay) {
			closeAll(fds)
			return nil, step("", "mount "+m.Path+": layer "+layer, unix.ENOTDIR)
		}
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func isDir(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (b *builder) bindEmpty(m Mount, target int, readOnly bool) error {
	dir, err := b.placeFor(m.Mode).newDir("empty")
	if err != nil {
		return err
	}
	fd, err := openPath(dir)
	if err != nil {
		return step("", "mount "+m.Path, err)
	}
	defer unix.Close(fd)
	return bind(fd, target, readOnly, m.Path)
}

// bind mounts what source is open on, with all mounts below it, on target.
func bind(source, target int, readOnly bool, at string) error {
	// Without AT_RECURSIVE the kernel refuses directories with mounts in them: the
	// owner of the outer namespace may have hidden something below them.
	tree, err := unix.OpenTree(source, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return step(abilityMounts, "mount "+at+": open tree", err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if readOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	// Unlike a remount, this leaves flags alone that we may not change.
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return step(abilityMounts, "mount "+at+": set attributes", err)
	}
	return step(abilityMounts, "mount "+at, moveMount(tree, target))
}

func moveMount(tree, target int) error {
	return unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// seal makes read-only the mounts that mount points were made in.
func (b *builder) seal(mounts []Mount) error {
	for _, m := range mounts {
		if m.Mode == ReadOnly && hosts(mounts, m.Path) {
			if err := b.makeReadOnly(m.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) makeReadOnly(p string) error {
	fd, err := b.open(p)
	if err != nil {
		return step("", "open "+p, err)
	}
	defer unix.Close(fd)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	return step(abilityMounts, "make "+p+" read-only", unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr))
}

// pivot makes the new tree the root and lets go of the old one (pivot_root(2),
// "pivot_root(".", ".")").
func (b *builder) pivot() error {
	if err := unix.Fchdir(b.root); err != nil {
		return step(abilityMounts, "enter the new root", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return step(abilityMounts, "pivot into the new root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return step(abilityMounts, "unmount the old root", err)
	}
	closeAll([]int{b.root, b.disk.fd, b.memory.fd})
	return step(abilityMounts, "enter /", unix.Chdir("/"))
}
