package sandbox

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// open opens the sandbox's path p. A link in a layer is followed inside the
// sandbox; no path leads out of it.
func (b *builder) open(p string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		// RESOLVE_IN_ROOT gives EAGAIN when anything on the host was renamed meanwhile.
		fd, err := unix.Openat2(b.root, p, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
}

// mountPoint opens the path of m, which it makes if it is missing.
func (b *builder) mountPoint(m Mount) (int, error) {
	wantDir, err := mountsDir(m)
	if err != nil {
		return -1, err
	}
	fd, err := b.open(m.Path)
	if err == unix.ENOENT {
		fd, err = b.makeMountPoint(m.Path, wantDir)
	}
	if err != nil {
		return -1, step("", "mount point "+m.Path, err)
	}
	if isDir(fd) != wantDir {
		unix.Close(fd)
		return -1, step("", "mount point "+m.Path, fmt.Errorf("only one of it and what is mounted there is a directory"))
	}
	return fd, nil
}

// mountsDir reports whether m mounts a directory, as all do but one file.
func mountsDir(m Mount) (bool, error) {
	if len(m.Layers) != 1 {
		return true, nil
	}
	var stat unix.Stat_t
	if err := unix.Stat(m.Layers[0], &stat); err != nil {
		return false, step("", "mount "+m.Path+": open layer "+m.Layers[0], err)
	}
	return stat.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

// makeMountPoint makes p and the directories that lead to it.
func (b *builder) makeMountPoint(p string, dir bool) (int, error) {
	if host := b.hostOf(p); host.Mode == Writable {
		return -1, fmt.Errorf("not there, and not made because %s is an output", host.Path)
	}
	parent, err := b.open(path.Dir(p))
	if err == unix.ENOENT {
		parent, err = b.makeMountPoint(path.Dir(p), true)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := makeUnnoticed(parent, path.Base(p), dir); err != nil {
		return -1, err
	}
	return b.open(p)
}

// hostOf returns the mount of the Spec that p lies in.
func (b *builder) hostOf(p string) Mount {
	var host Mount
	for _, m := range b.spec.Mounts {
		if below(p, m.Path) && len(m.Path) > len(host.Path) {
			host = m
		}
	}
	return host
}

// makeUnnoticed makes an empty file or directory with the times of its parent, whose
// times it leaves as they were: they are the same in every run.
func makeUnnoticed(parent int, base string, dir bool) error {
	var stat unix.Stat_t
	if err := unix.Fstat(parent, &stat); err != nil {
		return err
	}
	at := name(parent) + "/" + base
	if err := makeEmpty(at, dir); err != nil {
		return err
	}
	times := []unix.Timespec{stat.Atim, stat.Mtim}
	for _, p := range []string{at, name(parent)} {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, p, times, 0); err != nil {
			return err
		}
	}
	return nil
}

func makeEmpty(at string, dir bool) error {
	if dir {
		return unix.Mkdir(at, 0o755)
	}
	return unix.Mknod(at, unix.S_IFREG|0o644, 0)
}
