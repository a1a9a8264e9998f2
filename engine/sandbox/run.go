package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
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
	var s Starter
	defer s.Close()
	return s.Run(ctx, spec)
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

// start has a child carry out req and returns its report.
func (s *Starter) start(ctx context.Context, req request, flags uintptr) (report, error) {
	fromParent, toChild, err := os.Pipe()
	if err != nil {
		return report{}, err
	}
	// Open until the child has ended: its end of file is how the child learns that
	// we died (a parent-death signal would be tied to one of our threads), or that
	// it is to end.
	defer toChild.Close()
	defer fromParent.Close()
	fromChild, toParent, err := os.Pipe()
	if err != nil {
		return report{}, err
	}
	defer fromChild.Close()
	defer toParent.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return report{}, err
	}
	defer null.Close()

	stdout, stderr := cmp.Or(req.Spec.Stdout, null), cmp.Or(req.Spec.Stderr, null)
	if ctx.Err() != nil {
		return report{}, context.Cause(ctx)
	}
	files := append([]*os.File{stdout, stderr, fromParent, toParent}, req.Spec.ExtraFiles...)
	if req.Stdin {
		files = append(files, req.Spec.Stdin)
	}
	gone, wait, err := s.orderTerminal(flags, files, req.Spec.Terminal)
	if err != nil {
		return report{}, err
	}
	defer wait()
	fromParent.Close()
	toParent.Close()
	stop := context.AfterFunc(ctx, func() { toChild.Close() })
	defer stop()
	return converse(ctx, req, toChild, fromChild, gone)
}

// orderTerminal is order, with a terminal for the command if somebody takes the
// master of it. wait returns when nothing more can be taken.
func (s *Starter) orderTerminal(flags uintptr, files []*os.File, take func(master *os.File)) (gone <-chan struct{}, wait func(), err error) {
	if take == nil {
		gone, err = s.order(flags, files)
		return gone, func() {}, err
	}
	terminal, err := newHandover()
	if err != nil {
		return nil, nil, err
	}
	if gone, err = s.order(flags, append(files, terminal.theirs)); err != nil {
		terminal.close()
		return nil, nil, err
	}
	terminal.serve(take)
	return gone, func() { <-terminal.done }, nil
}

// converse sends the request, waits for the end of the child and returns what it said.
func converse(ctx context.Context, req request, toChild, fromChild *os.File, gone <-chan struct{}) (report, error) {
	// An error here means that the child is gone; how it ended tells more.
	req.encode(toChild)
	var rep report
	readErr := json.NewDecoder(fromChild).Decode(&rep)
	<-gone
	switch {
	case readErr == nil:
		return rep, nil
	case ctx.Err() != nil:
		return report{}, context.Cause(ctx)
	default:
		return report{}, fmt.Errorf("sandbox: process 1 ended without a report: %w", readErr)
	}
}
