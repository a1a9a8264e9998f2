package patch

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/archive"
)

// Tool is "patch": the files of the input "patches", in order, change the
// input directory "tree" into the output tree "tree". Patches may be compressed.
// Arguments, both optional: strip (default 1) and fuzz (default 0).
func Tool() action.Tool {
	return action.Tool{Name: "patch", Version: 1, Run: run}
}

type arguments struct {
	Strip *int `json:"strip"`
	Fuzz  int  `json:"fuzz"`
}

func (a arguments) options() Options {
	if a.Strip == nil {
		return Options{Strip: 1, Fuzz: a.Fuzz}
	}
	return Options{Strip: *a.Strip, Fuzz: a.Fuzz}
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	in := call.Inputs("tree")
	if len(in) != 1 || in[0].Node.Kind != tree.Dir {
		return fmt.Errorf(`input "tree": want one directory`)
	}
	patched, err := New(ctx, Base{in[0].Node, call.Trees(), call.Open}, args.options(), call.Printf)
	if err != nil {
		return err
	}
	for _, patch := range call.Inputs("patches") {
		b, err := read(ctx, call, patch)
		if err != nil {
			return fmt.Errorf("patch %s: %w", patch.Name, err)
		}
		call.Printf("applying %s", patch.Name)
		if err := patched.Apply(b); err != nil {
			return fmt.Errorf("patch %s: %w", patch.Name, err)
		}
	}
	w, err := call.CreateTree("tree")
	if err != nil {
		return err
	}
	if err := patched.Write(w); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// read is a whole patch, decompressed.
func read(ctx context.Context, call action.Call, in action.Input) ([]byte, error) {
	if in.Node.Kind != tree.File {
		return nil, fmt.Errorf("is a %s, want a file", in.Node.Kind)
	}
	blob, err := call.Open(ctx, in.Node.Digest)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	r, _, err := archive.Decompress(blob)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		return nil, fmt.Errorf("has more than %d bytes", maxFile)
	}
	return b, err
}
