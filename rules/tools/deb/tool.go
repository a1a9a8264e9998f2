package deb

import (
	"bufio"
	"context"
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/archive"
	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// Tool is "deb": the input file "deb" becomes the output tree "tree". Arguments,
// both optional: include and exclude, lists of patterns such as usr/share/doc.
func Tool() action.Tool {
	return action.Tool{Name: "deb", Version: 1, Run: run}
}

type arguments struct {
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	wanted, err := trees.NewSelection(args.Include, args.Exclude)
	if err != nil {
		return err
	}
	in, err := archive.InputFile(call, "deb")
	if err != nil {
		return err
	}
	blob, err := call.Open(ctx, in.Node.Digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	w, err := call.CreateTree("tree")
	if err != nil {
		return err
	}
	if err := Unpack(ctx, bufio.NewReaderSize(blob, 64<<10), wanted, w); err != nil {
		w.Close()
		return fmt.Errorf("unpack %s: %w", in.Name, err)
	}
	return w.Close()
}
