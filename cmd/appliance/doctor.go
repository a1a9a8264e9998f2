package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store/disk"
)

const doctorLong = `Look whether this machine can build: the sandbox, the cache and its disk, mirrors,
the clock. Each line is ok, warn or FAIL and says what to do. The exit code is 36 if
one is FAIL.`

func newDoctor(p *program) *cobra.Command {
	var flags mirrorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can build",
		Long:  doctorLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.doctor(cmd.Context(), flags)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

// grade is how bad a finding is.
type grade int

const (
	fine grade = iota
	warning
	fault
)

// finding is the result of a check.
type finding struct {
	grade grade
	what  string
	fix   string // what to do, unless it is fine
}

func (p *program) doctor(ctx context.Context, flags mirrorFlags) error {
	findings, err := p.examine(ctx, flags)
	if err != nil {
		return err
	}
	worst := fine
	for _, f := range findings {
		worst = max(worst, f.grade)
		p.printFinding(f)
	}
	if worst == fault {
		return &codeError{exitEnvironment, nil}
	}
	return nil
}

func (p *program) printFinding(f finding) {
	colors := p.global.color == "yes" || p.colors() && isTerminal(p.stdout)
	mark := [...]string{paint(green, "ok  ", colors), paint(cyan, "warn", colors), paint(red, "FAIL", colors)}[f.grade]
	fmt.Fprintf(p.stdout, "%s  %s\n", mark, printable(f.what))
	if f.fix != "" {
		fmt.Fprintf(p.stdout, "      %s\n", printable(f.fix))
	}
}

func (p *program) examine(ctx context.Context, flags mirrorFlags) ([]finding, error) {
	dir, err := p.cacheDir()
	if err != nil {
		return nil, err
	}
	mirrors, err := p.checkMirrors(flags)
	if err != nil {
		return nil, err
	}
	return slices.Concat(checkCache(ctx, dir), mirrors, checkClock(time.Now(), builtAt())), nil
}

// checkCache looks at the cache and, in it, at the sandbox.
func checkCache(ctx context.Context, dir string) (findings []finding) {
	store, err := disk.Open(dir, disk.Options{})
	if err != nil {
		return []finding{{fault, "cache: " + err.Error(), "make it writable, or choose another place with --cache or APPLIANCE_CACHE"}}
	}
	defer func() {
		if err := store.Close(); err != nil {
			findings = append(findings, finding{fault, "cache: " + err.Error(), "see to the disk"})
		}
	}()
	scratch, remove, err := store.Scratch(ctx)
	if err != nil {
		return []finding{{fault, "cache: " + err.Error(), "make " + dir + " writable"}}
	}
	defer remove()
	findings = []finding{{what: "cache: " + dir + " is writable"}}
	return slices.Concat(findings, checkSpace(dir), checkSandbox(ctx, scratch))
}

// What a toolchain and a dozen packages take.
const (
	wantedBytes  = 10 << 30
	neededBytes  = 1 << 30
	wantedInodes = 200_000
)

func checkSpace(dir string) []finding {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return []finding{{fault, fmt.Sprintf("disk of %s: %v", dir, err), "see to the disk"}}
	}
	return judgeSpace(dir, int64(min(st.Bavail, math.MaxInt64/uint64(st.Bsize)))*st.Bsize, st.Ffree, st.Files)
}

// judgeSpace knows that some file systems have no fixed number of inodes: they
// report 0 of 0.
func judgeSpace(dir string, free int64, inodes, inodesTotal uint64) []finding {
	space := finding{what: fmt.Sprintf("disk: %s free for %s", byteSize(free), dir)}
	switch {
	case free < neededBytes:
		space.grade, space.fix = fault, "free some space, or choose another disk with --cache"
	case free < wantedBytes:
		space.grade, space.fix = warning, "a toolchain and a dozen packages take about "+byteSize(wantedBytes)
	}
	if inodesTotal == 0 || inodes >= wantedInodes {
		return []finding{space}
	}
	return []finding{space, {warning, fmt.Sprintf("disk: only %d inodes free for %s", inodes, dir), "builds make many small files"}}
}

func checkSandbox(ctx context.Context, scratch string) []finding {
	problems := sandbox.Check(ctx, scratch)
	if len(problems) == 0 {
		return []finding{{what: "sandbox: works"}}
	}
	var findings []finding
	for _, problem := range problems {
		findings = append(findings, finding{fault, fmt.Sprintf("sandbox: no %s: %v", problem.Ability, problem.Err), problem.Fix})
	}
	return findings
}

func (p *program) checkMirrors(flags mirrorFlags) ([]finding, error) {
	bases, err := p.mirrorBases(&flags, nil)
	if err != nil {
		return nil, err
	}
	var findings []finding
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		findings = append(findings, finding{what: fmt.Sprintf("mirror: %s is %s", name, strings.Join(bases[name], ", "))})
	}
	if len(findings) == 0 {
		findings = append(findings, finding{warning, "mirror: none", "name one for each NAME in mirror://NAME/… with --mirror NAME=URL or APPLIANCE_MIRROR_<NAME>"})
	}
	for _, dir := range flags.distdir {
		if info, err := os.Stat(p.path(dir)); err != nil || !info.IsDir() {
			findings = append(findings, finding{warning, "distdir: " + dir + " is not a directory", "--distdir wants a directory with downloads"})
		}
	}
	return findings, nil
}

// checkClock compares the clock with the time when this program was built: before
// it, certificates are not valid yet and times of files lie in the future.
func checkClock(now, built time.Time) []finding {
	if now.Before(built) {
		return []finding{{
			warning,
			fmt.Sprintf("clock: it says %s, which is before this program was made", now.UTC().Format(time.DateTime)),
			"set the clock: downloads by https may fail",
		}}
	}
	return []finding{{what: "clock: " + now.UTC().Format(time.DateTime) + " UTC"}}
}

// builtAt is when the sources of this program were committed, or a time by which
// they certainly were not.
func builtAt() time.Time {
	fallback := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fallback
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return at
		}
	}
	return fallback
}
