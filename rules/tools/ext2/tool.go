package ext2

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// arguments of the tool, as the ext2_image rule writes them. Zero values have
// the meaning that Options gives them.
type arguments struct {
	Level           string `json:"level"`
	BlockSize       int    `json:"block_size"`
	InodeSize       int    `json:"inode_size"`
	FreeKiB         int64  `json:"free_kib"`
	FreePercent     int    `json:"free_percent"`
	FreeInodes      int64  `json:"free_inodes"`
	SizeKiB         int64  `json:"size_kib"`
	ReservedPercent int    `json:"reserved_percent"`
	Label           string `json:"label"`
	Sparse          bool   `json:"sparse"`
}

// Tool is the action tool "ext2": inputs "manifest" (one file) and "contents"
// (the tree that holds the manifest's files), output "image".
func Tool() action.Tool {
	return action.Tool{Name: "ext2", Version: 1, Run: runTool}
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
	open := func(e manifest.Entry) (io.ReadCloser, error) { return call.Open(ctx, e.Digest) }
	options, err := args.options(ctx, m, open)
	if err != nil {
		return err
	}
	layout, err := Plan(m, options)
	if err != nil {
		return err
	}
	w, err := call.Create("image", false)
	if err != nil {
		return err
	}
	if err := layout.Write(ctx, w, open); err != nil {
		return err
	}
	call.Printf("ext2: %d blocks of %d bytes, %d free; %d inodes, %d free",
		layout.Blocks(), layout.BlockSize(), layout.FreeBlocks(), layout.Inodes(), layout.FreeInodes())
	return w.Close()
}

func (a arguments) options(ctx context.Context, m *manifest.Manifest, open OpenFunc) (Options, error) {
	o := Options{
		Level:           Level(a.Level),
		BlockSize:       a.BlockSize,
		InodeSize:       a.InodeSize,
		FreeBytes:       a.FreeKiB << 10,
		FreePercent:     a.FreePercent,
		FreeInodes:      a.FreeInodes,
		SizeBytes:       a.SizeKiB << 10,
		ReservedPercent: a.ReservedPercent,
		Label:           a.Label,
	}
	if !a.Sparse {
		return o, nil
	}
	holes, err := FindHoles(ctx, m, max(a.BlockSize, 1024), open)
	if err != nil {
		return o, fmt.Errorf("look for blocks of zeros: %w", err)
	}
	o.Holes = holes
	return o, nil
}
