package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs the command of spec and returns when it and every process that it
// left behind are gone. A command that fails is no error: see Result.
//
// When ctx ends first, all processes are killed and the error is ctx's cause. The
// error is an *Unavailable where the host forbids what a sandbox needs, and a
// *StartError where the command itself cannot be started. Any other error is about
// spec and names the mount, layer or directory.
func Run(ctx context.Context, spec Spec) (Result, error) {
	if err := spec.check(); err != nil {
		return Result{}, err
	}
	rep, err := start(ctx, request{Spec: spec, Extra: len(spec.ExtraFiles)}, cloneFlags(spec))
	if err != nil {
		return Result{}, err
	}
	if err := rep.err(); err != nil {
		return Result{}, err
	}
	return rep.result(), nil
}

func cloneFlags(spec Spec) uintptr {
	const always = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if spec.Network {
		return always
	}
	return always | unix.CLONE_NEWNET
}

// A report is what the child tells the parent, just before it ends.
type report struct {
	Setup      *setupError // the sandbox could not be made
	NotStarted *StartError // the command could not be started
	Status     unix.WaitStatus
	User       time.Duration
	System     time.Duration
	MaxRSS     int64 // bytes
}

func (r report) err() error {
	switch {
	case r.NotStarted != nil:
		return r.NotStarted
	case r.Setup != nil:
		return r.Setup.explain()
	default:
		return nil
	}
}

func (r report) result() Result {
	res := Result{User: r.User, System: r.System, MaxRSS: r.MaxRSS}
	if r.Status.Signaled() {
		res.Signal = int(r.Status.Signal())
	} else {
		res.ExitCode = r.Status.ExitStatus()
	}
	return res
}

// starting is held from fork to exec of a child, for the reason that
// syscall.ForkLock exists: between the two the child has a copy of every open file
// of this process. If one of them is a program that is just being written, then
// whoever executes that program gets ETXTBSY (golang/go#22315). With starts one
// at a time, every program that was closed before Run was called is closed in
// all children before the command of that Run begins.
var starting sync.Mutex

// start runs a starter, which runs a child that carries out req, and returns its report.
func start(ctx context.Context, req request, flags uintptr) (report, error) {
	fromParent, toChild, err := os.Pipe()
	if err != nil {
		return report{}, err
	}
	// Open until the child has ended: its end of file is how the child learns that
	// we died (a parent-death signal would be tied to one of our threads).
	defer toChild.Close()
	defer fromParent.Close()
	fromChild, toParent, err := os.Pipe()
	if err != nil {
		return report{}, err
	}
	defer fromChild.Close()
	defer toParent.Close()

	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = starterArgs(flags, req.Extra)
	cmd.Env = childEnv
	cmd.ExtraFiles = append([]*os.File{fromParent, toParent}, req.Spec.ExtraFiles...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The starter must live until the child has ended, so we let the child end itself.
	cmd.Cancel = toChild.Close
	setOutput(cmd, req.Spec)

	starting.Lock()
	err = cmd.Start()
	starting.Unlock()
	if ctx.Err() != nil && err != nil {
		return report{}, context.Cause(ctx)
	}
	if err != nil {
		return report{}, fmt.Errorf("sandbox: start: %w", err)
	}
	fromParent.Close()
	toParent.Close()
	return converse(ctx, cmd, req, toChild, fromChild)
}

// setOutput avoids an interface that holds a nil *os.File.
func setOutput(cmd *exec.Cmd, spec Spec) {
	if spec.Stdout != nil {
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
}

// converse sends the request, waits for the end of the child and returns what it said.
func converse(ctx context.Context, cmd *exec.Cmd, req request, toChild, fromChild *os.File) (report, error) {
	// An error here means that the child is gone; how it ended tells more.
	req.encode(toChild)
	var rep report
	readErr := json.NewDecoder(fromChild).Decode(&rep)
	waitErr := cmd.Wait()
	switch {
	case readErr == nil:
		return rep, nil
	case ctx.Err() != nil:
		return report{}, context.Cause(ctx)
	default:
		return report{}, fmt.Errorf("sandbox: process 1 ended without a report: %w", errors.Join(waitErr, readErr))
	}
}
