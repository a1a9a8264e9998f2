package sandbox

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A Spec is one command and all that it can see.
type Spec struct {
	// Argv is the command and its arguments. Argv[0] holds a slash, or is looked up
	// in the PATH of Env inside the sandbox.
	Argv []string
	// Env is the whole environment, as NAME=value. Nothing is inherited.
	Env []string
	// Dir is the working directory inside; empty means "/".
	Dir string
	// Mounts are in any order and hold one for "/". Every path is mounted after
	// its parents. /proc, /dev and /tmp are there unless Mounts has them.
	Mounts []Mount
	// Scratch is an existing, empty host directory for what the command writes to
	// Overlay mounts. Two runs never share one. Its path is free of limits, its file
	// system must be fit for the upper side of an overlay (not NFS, not an overlay).
	// The caller removes it afterwards, with RemoveScratch.
	Scratch string
	// Stdin is what the command reads; nil is the sandbox's /dev/null.
	Stdin *os.File
	// Stdout and Stderr may be the same file; nil throws the output away.
	Stdout, Stderr *os.File
	// Terminal, unless nil, gives the command a terminal in the place of these three,
	// which controls its session. It is called with the master before the command starts, and
	// owns it. Reading from it ends with an error when the sandbox has ended.
	Terminal func(master *os.File)
	// ExtraFiles become the file descriptors 3, 4, … of the command.
	ExtraFiles []*os.File
	// Network shares the caller's network. Otherwise there is a loopback interface
	// and nothing else.
	Network bool
	// Devices are nodes below /dev that the command gets beside the usual ones. One
	// that this host lacks, or that the caller may not read and write, is left out.
	// One that each sandbox has stays what it is.
	Devices []string
}

// A Mount is what the command finds at one path.
type Mount struct {
	// Path is absolute inside the sandbox and clean. Symbolic links in it are
	// followed inside the sandbox. A missing mount point is created, except in
	// Writable mounts, whose content is the command's alone.
	Path string
	// Layers are absolute host paths of directories, lowest first: where two have
	// the same file the later wins. No layer may lie inside another. One file that
	// is not a directory is allowed too. Without layers the mount is an empty directory.
	Layers []string
	Mode   Mode
}

// Mode says what becomes of writes to a mount.
type Mode int

const (
	ReadOnly Mode = iota // writes fail with EROFS
	Overlay              // writes go to Scratch, the layers stay as they are
	Writable             // writes go to the one layer
)

// A Result says how a command ended that was started and not cancelled.
type Result struct {
	ExitCode int // 0 if Signal is not
	Signal   int // the signal that ended the command, or 0
	// User and System are the processor time of the command and of all its descendants
	// that ended before it.
	User, System time.Duration
	// MaxRSS is the largest resident set of any one of these processes, in bytes.
	// The few megabytes that process 1 of the sandbox needs are its lower bound.
	MaxRSS int64
}

func (s Spec) check() error {
	switch {
	case len(s.Argv) == 0:
		return fmt.Errorf("sandbox: no command")
	case !path.IsAbs(s.Scratch):
		return fmt.Errorf("sandbox: scratch directory %q is not absolute", s.Scratch)
	case s.Dir != "" && !path.IsAbs(s.Dir):
		return fmt.Errorf("sandbox: working directory %q is not absolute", s.Dir)
	}
	for _, list := range [][]string{s.Argv, s.Env} {
		if i := slices.IndexFunc(list, hasNUL); i >= 0 {
			return fmt.Errorf("sandbox: %q has a NUL byte", list[i])
		}
	}
	for _, d := range s.Devices {
		if !strings.HasPrefix(d, "/dev/") || path.Clean(d) != d || hasNUL(d) {
			return fmt.Errorf("sandbox: device %q: want a clean path below /dev", d)
		}
	}
	return checkMounts(s.Mounts)
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

func checkMounts(mounts []Mount) error {
	seen := map[string]bool{}
	for _, m := range mounts {
		if err := m.check(); err != nil {
			return err
		}
		if seen[m.Path] {
			return fmt.Errorf("sandbox: two mounts at %s", m.Path)
		}
		seen[m.Path] = true
	}
	if !seen["/"] {
		return fmt.Errorf("sandbox: no mount for /")
	}
	return nil
}

func (m Mount) check() error {
	if !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path || hasNUL(m.Path) {
		return fmt.Errorf("sandbox: mount path %q is not absolute and clean", m.Path)
	}
	for _, layer := range m.Layers {
		if !path.IsAbs(layer) || hasNUL(layer) {
			return fmt.Errorf("sandbox: mount %s: layer %q is not an absolute path", m.Path, layer)
		}
	}
	switch m.Mode {
	case ReadOnly, Overlay:
		return nil
	case Writable:
		if len(m.Layers) != 1 {
			return fmt.Errorf("sandbox: mount %s: writable with %d layers, want 1", m.Path, len(m.Layers))
		}
		return nil
	default:
		return fmt.Errorf("sandbox: mount %s: unknown mode %d", m.Path, m.Mode)
	}
}
