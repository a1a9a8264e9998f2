package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

func main() {
	// The sandbox executes this program once more for each command that it runs.
	sandbox.Main()
	os.Exit(start())
}

// start is main without the end of the process.
func start() int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "current directory: "+err.Error())
		return exitEnvironment
	}
	p := &program{
		env:    newEnvironment(os.Environ()),
		dir:    dir,
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
	}
	ctx, stop := interruptible(context.Background(), func() {
		p.terminal.restore()
		fmt.Fprintln(os.Stderr, "\nkilled")
	})
	defer stop()
	return p.main(ctx, os.Args[1:])
}

// program is one run of the command line: what the process was given, and where
// it writes to.
type program struct {
	env    environment
	dir    string // absolute; -C is applied
	global globalFlags
	config configFlag
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	terminal terminal // in the hands of a program, or as it was
}

// main runs the command that args name and returns the exit code.
func (p *program) main(ctx context.Context, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = p.report(ctx, &diag.Problem{
				Kind: diag.Bug,
				Text: fmt.Sprintf("bug: %v (please report, with this text)\n%s", r, debug.Stack()),
			})
		}
	}()
	return p.report(ctx, p.run(ctx, args))
}

// run is main with an error instead of an exit code.
func (p *program) run(ctx context.Context, args []string) error {
	args = protectExclusions(args)
	startup, err := p.settle(args)
	if err != nil {
		return err
	}
	root := newRoot(p)
	if err := p.applyRC(root, args, startup); err != nil {
		return err
	}
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// settle reads the flags that all else depends on, which may stand before or
// after the command: where we are, and which rc files to read. What is wrong
// with the others is found when the command is run.
func (p *program) settle(args []string) (globalFlags, error) {
	scout := &program{env: p.env, dir: p.dir, stdin: p.stdin, stdout: io.Discard, stderr: io.Discard}
	root := newRoot(scout)
	cmd, rest, err := root.Find(args)
	if err != nil {
		cmd, rest = root, args
	}
	scout.config.ignore = true
	if err := cmd.ParseFlags(rest); err != nil || scout.global.directory == "" {
		return scout.global, nil
	}
	p.dir = p.path(scout.global.directory)
	if info, err := os.Stat(p.dir); err != nil || !info.IsDir() {
		return globalFlags{}, usagef("--directory %s: not a directory", scout.global.directory)
	}
	return scout.global, nil
}
