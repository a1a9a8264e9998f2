package sandbox

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLayers is how many lower layers one overlay can have (OVL_MAX_STACK of the
// kernel). More are put into overlays of their own, of which there can be as many.
const maxLayers = 500

// overlayOptions fix what module parameters and kernel configuration would decide.
// userxattr is what a user namespace needs; it switches redirect_dir and
// metacopy off. See Documentation/filesystems/overlayfs.rst of the kernel.
const overlayOptions = "userxattr,index=off,xino=off,metacopy=off"

// overlay mounts layers, lowest first, on target: read-only if upper is empty.
func (b *builder) overlay(layers []int, target int, upper, at string) error {
	if len(layers) > maxLayers {
		grouped, err := b.group(layers, at)
		if err != nil {
			return err
		}
		defer closeAll(grouped)
		layers = grouped
	}
	var lower []string
	for _, fd := range slices.Backward(layers) {
		lower = append(lower, name(fd)) // overlayfs wants the topmost first
	}
	options := overlayOptions + ",lowerdir=" + strings.Join(lower, ":") + upper
	flags := uintptr(unix.MS_NODEV | unix.MS_NOSUID)
	if upper == "" {
		flags |= unix.MS_RDONLY
	}
	err := unix.Mount("overlay", name(target), "overlay", flags, options)
	if err == unix.ELOOP {
		return &setupError{Step: "mount " + at, Errno: unix.ELOOP, Note: "one of the layers lies inside another"}
	}
	return step(abilityOverlay, "mount overlay on "+at, err)
}

// overlayWithUpper mounts layers so that writes go to a new directory in upperPlace.
func (b *builder) overlayWithUpper(layers []int, target int, upperPlace *place, at string) error {
	upper, err := upperPlace.newDir("upper")
	if err != nil {
		return err
	}
	work, err := upperPlace.newDir("work")
	if err != nil {
		return err
	}
	if err := copyMode(layers[len(layers)-1], upper); err != nil {
		return step("", "mount "+at, err)
	}
	// What is thrown away need not reach the disk.
	return b.overlay(layers, target, ",volatile,upperdir="+upper+",workdir="+work, at)
}

// copyMode gives the upper directory, which becomes the root of the mount, the
// permissions and times of the topmost layer.
func copyMode(layer int, upper string) error {
	var stat unix.Stat_t
	if err := unix.Fstat(layer, &stat); err != nil {
		return err
	}
	if err := unix.Chmod(upper, stat.Mode&0o7777|0o700); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, upper, []unix.Timespec{stat.Atim, stat.Mtim}, 0)
}

// group mounts every maxLayers layers as one and returns these, lowest first.
func (b *builder) group(layers []int, at string) ([]int, error) {
	var groups []int
	for chunk := range slices.Chunk(layers, maxLayers) {
		if len(chunk) == 1 {
			// An overlay without an upper side wants two layers.
			fd, err := unix.FcntlInt(uintptr(chunk[0]), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return groups, step("", "mount "+at, err)
			}
			groups = append(groups, fd)
			continue
		}
		fd, err := b.mountGroup(chunk, at)
		if err != nil {
			closeAll(groups)
			return nil, err
		}
		groups = append(groups, fd)
	}
	return groups, nil
}

func (b *builder) mountGroup(layers []int, at string) (int, error) {
	dir, err := b.memory.newDir("group")
	if err != nil {
		return -1, err
	}
	target, err := openPath(dir)
	if err != nil {
		return -1, step("", "mount "+at, err)
	}
	defer unix.Close(target)
	if err := b.overlay(layers, target, "", at); err != nil {
		return -1, err
	}
	mounted, err := openPath(dir)
	return mounted, step("", "mount "+at, err)
}
