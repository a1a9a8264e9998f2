package cpio

import (
	"context"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// arguments of the tool, as the cpio_image rule writes them. Zero values have
// the meaning that Options gives them.
type arguments struct {
	BlockSize  int  `json:"block_size"`
	DropXattrs bool `json:"drop_xattrs"`
}

// Tool is the action tool "cpio": inputs "manifest" (one file) and "contents"
// (the tree that holds the manifest's files), output "image".
func Tool() action.Tool {
	return action.Tool{Name: "cpio", Version: 1, Run: runTool}
}

func runTool(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	m, err := manifest.FromInput(ctx, call, "manifest")
	if err != nil {
		return err
	}
	layout, err := Plan(m, Options{BlockSize: args.BlockSize, DropXattrs: args.DropXattrs})
	if err != nil {
		return err
	}
	w, err := call.Create("image", false)
	if err != nil {
		return err
	}
	open := func(e manifest.Entry) (io.ReadCloser, error) { return call.Open(ctx, e.Digest) }
	if err := layout.Write(ctx, w, open); err != nil {
		return err
	}
	call.Printf("cpio: %d bytes, %d names", layout.Size(), layout.Members())
	return w.Close()
}
