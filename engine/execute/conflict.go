package execute

import (
	"context"
	"errors"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/tree"
)

// NewRequest is the request of an action whose inputs have this content. Inputs
// that cannot be laid over one another are the fault of the action's owner.
func NewRequest(ctx context.Context, a *action.Action, nodes map[*action.Artifact]tree.Node, trees tree.Store) (*action.Request, error) {
	r, err := action.NewRequest(ctx, a, nodes, trees)
	return r, explainRequest(a, err)
}

// explainRequest makes inputs that cannot be laid over one another the fault of
// the target that wants them together.
func explainRequest(a *action.Action, err error) error {
	var conflict *tree.Conflict
	if !errors.As(err, &conflict) {
		return err
	}
	return &diag.Problem{
		Kind:    diag.Action,
		Subject: a.Owner().Short(),
		Text:    a.Mnemonic() + ": " + err.Error(),
		Cause:   err,
	}
}
