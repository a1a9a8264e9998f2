package archive

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// InputFile is the one file that a tool finds under name.
func InputFile(call action.Call, name string) (action.Input, error) {
	in := call.Inputs(name)
	if len(in) != 1 || in[0].Node.Kind != tree.File {
		return action.Input{}, fmt.Errorf("input %q: want one file, got %s", name, count(in))
	}
	return in[0], nil
}

func count(in []action.Input) string {
	if len(in) == 1 {
		return fmt.Sprintf("a %s (%s of %s)", in[0].Node.Kind, in[0].Name, in[0].Owner)
	}
	return fmt.Sprintf("%d", len(in))
}
