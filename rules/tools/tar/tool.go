package tar

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Tool is the action tool "tar": the input directory "tree" becomes the output
// file "archive". Arguments: directory (string, the path that all members are
// below; "" for none), compression ("zstd", "gzip" or "none") and level (int, as
// Compression has it).
func Tool() action.Tool {
	return action.Tool{Name: "tar", Version: 1, Run: run}
}

type arguments struct {
	Directory   string `json:"directory"`
	Compression string `json:"compression"`
	Level       int    `json:"level"`
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	in := call.Inputs("tree")
	if len(in) != 1 || in[0].Node.Kind != tree.Dir {
		return fmt.Errorf(`input "tree": got %d inputs, want one directory`, len(in))
	}
	from := Source{
		Trees: call.Trees(),
		Open:  func(ctx context.Context, d digest.Digest) (io.ReadCloser, error) { return call.Open(ctx, d) },
	}
	out, err := call.Create("archive", false)
	if err != nil {
		return err
	}
	err = Compress(ctx, out, Compression{Format: args.Compression, Level: args.Level}, func(w io.Writer) error {
		return Write(ctx, w, from, in[0].Node, args.Directory)
	})
	if err != nil {
		return err
	}
	return out.Close()
}
