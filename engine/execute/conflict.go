package execute

import (
	"errors"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/tree"
)

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
