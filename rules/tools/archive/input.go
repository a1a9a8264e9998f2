package archive

import (
	"context"
	"fmt"
	"path"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
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

// archiveInput is the name and the bytes of the archive to unpack: the input file
// "archive", or member of the input tree "archive".
func archiveInput(ctx context.Context, call action.Call, member string) (string, digest.Digest, error) {
	if member == "" {
		in, err := InputFile(call, "archive")
		return in.Name, in.Node.Digest, err
	}
	in := call.Inputs("archive")
	if len(in) != 1 || in[0].Node.Kind != tree.Dir {
		return "", digest.Digest{}, fmt.Errorf("input \"archive\": want one tree with %s, got %s", member, count(in))
	}
	n, found, err := tree.Lookup(ctx, call.Trees(), in[0].Node, member)
	if err != nil {
		return "", digest.Digest{}, err
	}
	if !found || n.Kind != tree.File {
		return "", digest.Digest{}, fmt.Errorf("member: no file %s in %s", member, in[0].Name)
	}
	return path.Base(member), n.Digest, nil
}

func count(in []action.Input) string {
	if len(in) == 1 {
		return fmt.Sprintf("a %s (%s of %s)", in[0].Node.Kind, in[0].Name, in[0].Owner)
	}
	return fmt.Sprintf("%d", len(in))
}
