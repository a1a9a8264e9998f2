package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

// Launch is what a program gets that a person starts, beside what its action says.
type Launch struct {
	Args                  []string        // behind those of the action
	Env                   []string        // NAME=value, behind those of the action
	Mounts                []sandbox.Mount // of the host
	Dir                   string          // the person's directory, absolute
	Stdin, Stdout, Stderr *os.File
	Terminal              func(master *os.File) // as sandbox.Spec has it; nil without a terminal

	// Save keeps what the program has written.
	Save func(s action.Save, content []byte) error
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
	work := job.Action.Work().(*action.Command)
	spec, err := p.prepare(ctx, job, work, scratch)
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
	if ended.ExitCode == 0 {
		err = p.save(work.Lent.Saves, scratch)
	}
	return &action.Result{ExitCode: ended.ExitCode}, err
}

func (p *Program) prepare(ctx context.Context, job Job, work *action.Command, scratch string) (sandbox.Spec, error) {
	overlays := filepath.Join(scratch, "overlay")
	if err := os.Mkdir(overlays, 0o755); err != nil {
		return sandbox.Spec{}, err
	}
	mounts, err := inputMounts(ctx, p.files, job, work, scratch)
	if err != nil {
		return sandbox.Spec{}, err
	}
	lent, err := p.lentMounts(work.Lent, scratch)
	if err != nil {
		return sandbox.Spec{}, err
	}
	return sandbox.Spec{
		Argv:     slices.Concat(work.Argv, p.launch.Args),
		Env:      append(environment(work), p.launch.Env...),
		Dir:      work.Dir,
		Mounts:   slices.Concat(mounts, p.launch.Mounts, lent),
		Scratch:  overlays,
		Stdin:    p.launch.Stdin,
		Stdout:   p.launch.Stdout,
		Stderr:   p.launch.Stderr,
		Terminal: p.launch.Terminal,
		Network:  work.Lent.Network,
		Devices:  work.Devices,
	}, nil
}

// lentMounts are the person's directory, and an empty one for each file to save.
func (p *Program) lentMounts(lent action.Lent, scratch string) ([]sandbox.Mount, error) {
	var mounts []sandbox.Mount
	if lent.Directory != "" {
		mounts = append(mounts, sandbox.Mount{Path: lent.Directory, Layers: []string{p.launch.Dir}, Mode: sandbox.Writable})
	}
	for i, s := range lent.Saves {
		dir := saveDir(scratch, i)
		if err := makeDir(dir); err != nil {
			return nil, err
		}
		mounts = append(mounts, sandbox.Mount{Path: path.Dir(s.Path), Layers: []string{dir}, Mode: sandbox.Writable})
	}
	return mounts, nil
}

func saveDir(scratch string, i int) string { return filepath.Join(scratch, "save"+strconv.Itoa(i)) }

// save keeps the files that the program has written.
func (p *Program) save(saves []action.Save, scratch string) error {
	for i, s := range saves {
		name := filepath.Join(saveDir(scratch, i), path.Base(s.Path))
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s: the program has made a %s, want a file", s.Path, kindOfFile(info))
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := p.launch.Save(s, content); err != nil {
			return err
		}
	}
	return nil
}
