package manifest

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
)

// FromInput reads the manifest that is the one input of a tool under name.
func FromInput(ctx context.Context, call action.Call, name string) (*Manifest, error) {
	in := call.Inputs(name)
	if len(in) != 1 {
		return nil, fmt.Errorf("input %q: got %d files, want one manifest", name, len(in))
	}
	blob, err := call.Open(ctx, in[0].Node.Digest)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	text, err := io.ReadAll(blob)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}
