package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

// Launch is what a program gets that a person starts, beside what its action says.
type Launch struct {
	Args                  []string        // behind those of the action
	Mounts                []sandbox.Mount // of the host
	Stdin, Stdout, Stderr *os.File
}

// Program runs programs for a person, in the same sandbox as commands. They take no
// job token, leave no log, and end when they want to.
type Program struct {
	box    *sandbox.Starter
	files  Files
	launch Launch
}

// NewProgram runs programs with what launch gives them.
func NewProgram(box *sandbox.Starter, files Files, launch Launch) *Program {
	return &Program{box, files, launch}
}

// signalBase is what shells add to the number of a signal to make an exit code.
const signalBase = 128

// Run runs the program of job until it ends. An exit code other than 0 is no
// error.
func (p *Program) Run(ctx context.Context, job Job) (*action.Result, error) {
	job.Started()
	scratch, remove, err := p.files.Scratch(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	spec, err := p.prepare(ctx, job, scratch)
	if err != nil {
		return nil, err
	}
	ended, err := p.box.Run(ctx, spec)
	if start := (*sandbox.StartError)(nil); errors.As(err, &start) {
		return nil, failure(job.Action, "failed: "+start.Error(), err)
	}
	if err != nil {
		return nil, err
	}
	if ended.Signal != 0 {
		ended.ExitCode = signalBase + ended.Signal
	}
	return &action.Result{ExitCode: ended.ExitCode}, nil
}

func (p *Program) prepare(ctx context.Context, job Job, scratch string) (sandbox.Spec, error) {
	work := job.Action.Work().(*action.Command)
	overlays := filepath.Join(scratch, "overlay")
	if err := os.Mkdir(overlays, 0o755); err != nil {
		return sandbox.Spec{}, err
	}
	mounts, err := inputMounts(ctx, p.files, job, work, scratch)
	if err != nil {
		return sandbox.Spec{}, err
	}
	return sandbox.Spec{
		Argv:    slices.Concat(work.Argv, p.launch.Args),
		Env:     environment(work),
		Dir:     work.Dir,
		Mounts:  append(mounts, p.launch.Mounts...),
		Scratch: overlays,
		Stdin:   p.launch.Stdin,
		Stdout:  p.launch.Stdout,
		Stderr:  p.launch.Stderr,
		Network: work.Network,
		Devices: work.Devices,
	}, nil
}
