package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

const runLong = `Build what the program of a target needs and run it, with the terminal's input and output.

LABEL is a target that can be run, such as //node:node.run, or one with such a target beside it: //node
and //node:node mean //node:node.run if only that can be run. Arguments after -- go to the program.

In a terminal, ^A x or ^C ends the program, ^A ^A sends it a ^A and ^A h lists these keys. A program that
has a terminal of its own, such as a menu or a shell, gets all keys. The exit code is the program's.

The flags --append, --disk, --forward, --kernel and --ram set attributes of the target for this run, as
if they stood in its APPLIANCE.star. A target of another rule may lack some of them.`

// runFlags are those of the command run: attributes of the target, which say what
// they mean.
type runFlags struct {
	forward     []string
	append      []string
	ramMiB      int
	kernel      string
	disk        string
	diskSizeMiB int
}

func (r *runFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&r.forward, "forward", nil, "let connections to a port of this host reach one of the machine: `HOST:MACHINE` (repeatable; attribute forward)")
	fs.StringArrayVar(&r.append, "append", nil, "add `WORDS` to the kernel's command line (repeatable; attribute append)")
	fs.IntVar(&r.ramMiB, "ram", 0, "give the machine `MIB` of memory (attribute ram_mib)")
	fs.StringVar(&r.kernel, "kernel", "", "boot the kernel `LABEL` (attribute kernel)")
	fs.StringVar(&r.disk, "disk", "", "give the machine the disk in `FILE`, which outlives the run (attribute disk)")
	fs.IntVar(&r.diskSizeMiB, "disk_size_mib", 0, "make the file of --disk, of that size in `MIB`, if it does not exist")
}

func (r *runFlags) check() error {
	switch {
	case r.ramMiB < 0:
		return usagef("--ram %d: want at least 1", r.ramMiB)
	case r.diskSizeMiB < 0:
		return usagef("--disk_size_mib %d: want at least 1", r.diskSizeMiB)
	case r.diskSizeMiB > 0 && r.disk == "":
		return usagef("--disk_size_mib: want --disk FILE beside it")
	}
	return nil
}

// overrides are the attributes of target that the flags set. Labels are relative
// to base.
func (r *runFlags) overrides(target, base label.Label) ([]analyze.Override, error) {
	var list []analyze.Override
	add := func(flag, attr string, value any) {
		list = append(list, analyze.Override{Target: target, Attr: attr, Value: value, By: flag})
	}
	if len(r.forward) > 0 {
		add("--forward", "forward", r.forward)
	}
	if len(r.append) > 0 {
		var words []string
		for _, s := range r.append {
			words = append(words, strings.Fields(s)...)
		}
		add("--append", "append", words)
	}
	if r.ramMiB > 0 {
		add("--ram", "ram_mib", r.ramMiB)
	}
	if r.kernel != "" {
		kernel, err := label.Parse(r.kernel, base)
		if err != nil {
			return nil, usagef("--kernel: %w", err)
		}
		add("--kernel", "kernel", kernel)
	}
	if r.disk != "" {
		add("--disk", "disk", true)
	}
	return list, nil
}

func newRun(p *program) *cobra.Command {
	var flags buildFlags
	var run runFlags
	cmd := &cobra.Command{
		Use:   "run LABEL [-- ARGUMENT...]",
		Short: "Build a target and run it in this terminal",
		Long:  runLong,
		Args:  cobra.MinimumNArgs(1),

		ValidArgsFunction: p.completeLabels,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(flags.check(), run.check()); err != nil {
				return err
			}
			find := func(ctx context.Context, s *session) (*load.Target, []analyze.Override, error) {
				return run.find(ctx, s, args[0])
			}
			return p.launchTarget(cmd.Context(), &flags, find, lending{args: args[1:], disk: &run})
		},
	}
	flags.registerWork(cmd.Flags())
	run.register(cmd.Flags())
	return cmd
}

// find is the target of that name that can be run, and what the flags change of it.
func (r *runFlags) find(ctx context.Context, s *session, name string) (*load.Target, []analyze.Override, error) {
	wanted, err := s.at.label(name)
	if err != nil {
		return nil, nil, err
	}
	target, err := findProgram(ctx, s.engine.Loader, wanted)
	if err != nil {
		return nil, nil, err
	}
	changes, err := r.overrides(target.Label(), s.at.base)
	return target, changes, err
}

// finder finds the target to launch, and what is to be changed of it.
type finder func(context.Context, *session) (*load.Target, []analyze.Override, error)

// lending is what a person gives a program by the command line.
type lending struct {
	args []string
	disk *runFlags // nil is none
}

// launchTarget builds what a target needs that can be run, and runs it.
func (p *program) launchTarget(ctx context.Context, flags *buildFlags, find finder, lend lending) (err error) {
	at, err := p.findPlace()
	if err != nil {
		return err
	}
	s, err := p.openSession(ctx, at, flags, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	target, changes, err := find(ctx, s)
	if err != nil {
		return err
	}
	roots := func() ([]label.Label, error) { return launchRoots(target, changes), nil }
	if err := p.useSources(ctx, s, &flags.sourceFlags, roots); err != nil {
		return err
	}
	s.engine.Analysis.Overrides = append(s.engine.Analysis.Overrides, changes...)
	program, err := s.engine.Program(ctx, target)
	if errors.Is(err, analyze.ErrOverride) {
		return &usageError{err}
	}
	if err != nil || flags.noBuild {
		return err
	}
	saved := &saver{session: s, shown: p.show}
	if err := saved.check(program); err != nil {
		return err
	}
	job, err := s.engine.Launch(ctx, program)
	if err != nil {
		return err
	}
	mounts, release, err := p.openDisk(lend.disk)
	if err != nil {
		return err
	}
	defer release()
	s.screen.Close()
	return p.launch(ctx, saved, job, runner.Launch{Args: lend.args, Mounts: mounts})
}

// launchRoots are a target and what the command line makes it depend on.
func launchRoots(target *load.Target, changes []analyze.Override) []label.Label {
	roots := []label.Label{target.Label()}
	for _, c := range changes {
		if l, ok := c.Value.(label.Label); ok {
			roots = append(roots, l)
		}
	}
	return roots
}

// launch runs a program until it ends or the person ends it.
func (p *program) launch(ctx context.Context, saved *saver, job runner.Job, launch runner.Launch) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	launch.Dir, launch.Save = p.dir, saved.save
	disconnect, err := p.connect(&launch, job.Action, end)
	if err != nil {
		return err
	}
	result, err := saved.runProgram(ctx, job, launch, disconnect)
	saved.tell(p.stderr)
	switch {
	case errors.Is(err, errEnded):
		return nil
	case err != nil:
		return err
	case result.ExitCode != 0:
		return &codeError{result.ExitCode, nil}
	}
	return nil
}

func (s *session) runProgram(ctx context.Context, job runner.Job, launch runner.Launch, disconnect func()) (*action.Result, error) {
	defer disconnect()
	return s.newProgram(launch).Run(ctx, job)
}

// connect gives the program its input and output: a terminal if it wants one and
// there is one, else what we have. disconnect is called when it has ended.
func (p *program) connect(launch *runner.Launch, a *action.Action, end func(cause error)) (disconnect func(), err error) {
	wantsTerminal := a.Work().(*action.Command).Lent.Terminal
	if wantsTerminal && p.atTerminal() {
		return p.lendTerminal(launch, end)
	}
	stdout, drainStdout, err := copyTo(p.stdout)
	if err != nil {
		return nil, err
	}
	stderr, drainStderr, err := copyTo(p.stderr)
	if err != nil {
		drainStdout()
		return nil, err
	}
	launch.Stdin, launch.Stdout, launch.Stderr = fileOf(p.stdin), stdout, stderr
	drain := func() { drainStderr(); drainStdout() }
	if wantsTerminal || !isTerminal(p.stdin) {
		return drain, nil
	}
	fmt.Fprintf(p.stderr, consoleHint, a.Owner().Short())
	keys, giveBack, err := p.connectConsole(launch.Stdin, end)
	if err != nil {
		drain()
		return nil, err
	}
	launch.Stdin = keys
	return func() { giveBack(); drain() }, nil
}

// connectConsole gives the program what the person types, and us the keys that are
// for us.
func (p *program) connectConsole(keyboard *os.File, end func(cause error)) (keys *os.File, disconnect func(), err error) {
	fromConsole, toProgram, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.terminal.rawKeys(keyboard); err != nil {
		p.terminal.restore()
		return nil, nil, errors.Join(err, fromConsole.Close(), toProgram.Close())
	}
	newConsole(p.stderr, end).connect(keyboard, toProgram)
	return fromConsole, func() {
		p.terminal.restore()
		fromConsole.Close()
	}, nil
}

// copyTo is a pipe for what a program prints, which goes on to out. A program that
// had our own output could make it non-blocking, and with it the terminal that we
// read keys from: one open file is all three streams there. drain is called when
// the program has ended.
func copyTo(out io.Writer) (pipe *os.File, drain func(), err error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(out, from)
		io.Copy(io.Discard, from) // nobody is left to tell; the program must not block
	}()
	return to, func() {
		to.Close()
		<-done
		from.Close()
	}, nil
}

// fileOf is a stream of this process as a program can inherit it.
func fileOf(stream any) *os.File {
	f, _ := stream.(*os.File)
	return f
}

// diskPath is where a program finds the file of --disk.
const diskPath = "/disk"

// openDisk is the file of --disk as a mount; nobody else can have it until it is
// released.
func (p *program) openDisk(run *runFlags) (mounts []sandbox.Mount, release func(), err error) {
	if run == nil || run.disk == "" {
		return nil, func() {}, nil
	}
	name := p.path(run.disk)
	f, err := openDiskFile(name, run.diskSizeMiB)
	if err != nil {
		return nil, nil, err
	}
	return []sandbox.Mount{{Path: diskPath, Layers: []string{name}, Mode: sandbox.Writable}}, func() { f.Close() }, nil
}
