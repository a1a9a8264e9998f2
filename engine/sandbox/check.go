package sandbox

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Abilities of a host that a sandbox needs, as the user reads them.
const (
	abilityNamespaces = "user namespaces"
	abilityMounts     = "private mounts"
	abilityOverlay    = "overlay file systems in user namespaces"
	abilityProc       = "fresh /proc in a new process namespace"
	abilityNet        = "empty network namespace"
	abilityIPC        = "private IPC namespace"
	abilityNames      = "private host name"
)

// A Problem is one thing that this host does not allow.
type Problem struct {
	Ability string // what is missing, as a noun
	Err     error  // what the kernel said
	Fix     string // the setting to change
}

func (p Problem) String() string { return fmt.Sprintf("no %s: %v; %s", p.Ability, p.Err, p.Fix) }

// A probe names one ability that a child shall try.
type probe string

// probes are the abilities with the namespaces that each is tried in.
var probes = []struct {
	ability probe
	flags   uintptr
}{
	{abilityNamespaces, 0},
	{abilityMounts, unix.CLONE_NEWNS},
	{abilityOverlay, unix.CLONE_NEWNS},
	{abilityProc, unix.CLONE_NEWNS | unix.CLONE_NEWPID},
	{abilityNet, unix.CLONE_NEWNET},
	{abilityIPC, unix.CLONE_NEWIPC},
	{abilityNames, unix.CLONE_NEWUTS},
}

// Check tries everything that Run needs and returns what this host does not allow.
// scratchDir is an existing directory on the file system where Spec.Scratch will be.
func Check(ctx context.Context, scratchDir string) []Problem {
	var problems []Problem
	for _, p := range probes {
		err := check(ctx, p.ability, p.flags, scratchDir)
		if err == nil {
			continue
		}
		problems = append(problems, Problem{string(p.ability), err, fixFor(string(p.ability))})
		if p.ability == abilityNamespaces {
			break // nothing else can work
		}
	}
	return problems
}

func check(ctx context.Context, p probe, flags uintptr, scratchDir string) error {
	scratch, err := os.MkdirTemp(scratchDir, "check-")
	if err != nil {
		return err
	}
	defer RemoveScratch(scratch)
	var s Starter
	defer s.Close()
	rep, err := s.start(ctx, request{Probe: p, Spec: Spec{Scratch: scratch}}, flags|unix.CLONE_NEWUSER)
	if err != nil {
		return err
	}
	if rep.Setup != nil {
		return rep.Setup
	}
	return nil
}

// try exercises one ability inside the namespaces made for it.
func (p probe) try(scratch string) error {
	switch p {
	case abilityNamespaces:
		return step(abilityNamespaces, "drop a capability", unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_TIME, 0, 0, 0))
	case abilityMounts:
		return tryMount("tmpfs", scratch, abilityMounts)
	case abilityProc:
		return tryMount("proc", scratch, abilityProc)
	case abilityOverlay:
		return tryOverlay(scratch)
	case abilityNet:
		return raiseLoopback()
	case abilityNames:
		return setNames()
	}
	return nil // to have the namespace is all
}

func tryMount(fstype, at, ability string) error {
	if err := detachMounts(); err != nil {
		return err
	}
	return step(ability, "mount "+fstype, unix.Mount(fstype, at, fstype, 0, ""))
}

// tryOverlay mounts an overlay and removes a file of its lower layer, which takes
// all that the file system of scratch must be capable of.
func tryOverlay(scratch string) error {
	if err := detachMounts(); err != nil {
		return err
	}
	b := builder{spec: Spec{Scratch: scratch}}
	if err := b.openScratch(); err != nil {
		return err
	}
	lower, err := b.disk.newDir("lower")
	if err != nil {
		return err
	}
	if err := makeEmpty(lower+"/file", false); err != nil {
		return step(abilityOverlay, "make a file", err)
	}
	fd, err := openPath(lower)
	if err != nil {
		return step(abilityOverlay, "open a layer", err)
	}
	defer unix.Close(fd)
	if err := b.overlayWithUpper([]int{fd}, fd, &b.disk, scratch); err != nil {
		return err
	}
	return step(abilityOverlay, "remove a file from an overlay", unix.Unlink(lower+"/file"))
}
