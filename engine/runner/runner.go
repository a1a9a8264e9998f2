package runner

import (
	"context"
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Runner carries out one action. An action that fails is a *Failure; an input
// that is not in the store any more a *store.Missing; anything else is trouble
// with this machine.
type Runner interface {
	Run(ctx context.Context, job Job) (*action.Result, error)
}

// Job is one request, and who wants to hear of its progress.
type Job struct {
	*action.Request
	Progress func(done, total int64) // bytes of a download; never nil
	Started  func()                  // called once, when the action is really begun; never nil
	Output   func(p []byte)          // hears what a command prints while it runs; nil where nobody listens
}

// Files is what runners need of the local store beyond a CAS: blobs and trees
// as files that can be mounted, and outputs that become blobs and trees.
type Files interface {
	// Path is where a file or tree lies on this host, read-only.
	Path(ctx context.Context, n tree.Node) (string, error)
	// Adopt moves a file or directory into the store; name is what errors call it.
	// What a tree cannot hold is an *Unfit.
	Adopt(ctx context.Context, hostPath, name string) (tree.Node, error)
	// Scratch makes an empty directory; remove takes it away again.
	Scratch(ctx context.Context) (dir string, remove func(), err error)
}

// Unfit is an output that no tree can hold: a device, a setuid program.
type Unfit struct{ Err error }

func (u *Unfit) Error() string { return u.Err.Error() }
func (u *Unfit) Unwrap() error { return u.Err }

// ByWork hands each kind of work to the runner for it.
type ByWork struct {
	Command Runner
	Tool    Runner
	Fetch   Runner
}

// Run hands job on.
func (b ByWork) Run(ctx context.Context, job Job) (*action.Result, error) {
	switch w := job.Action.Work().(type) {
	case *action.Command:
		return b.Command.Run(ctx, job)
	case *action.ToolCall:
		return b.Tool.Run(ctx, job)
	case *action.Fetch:
		return b.Fetch.Run(ctx, job)
	default:
		panic(fmt.Sprintf("bug: no runner for %T", w))
	}
}
