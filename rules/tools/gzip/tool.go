package gzip

import (
	"context"
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
)

// Tool is the action tool "gzip": input "src" (one file), argument "level",
// output "out".
func Tool() action.Tool {
	return action.Tool{Name: "gzip", Version: 1, Run: runTool}
}

func runTool(ctx context.Context, call action.Call) error {
	var args struct {
		Level int `json:"level"`
	}
	if err := call.Args(&args); err != nil {
		return err
	}
	in := call.Inputs("src")
	if len(in) != 1 {
		return fmt.Errorf(`input "src": got %d files, want one`, len(in))
	}
	src, err := call.Open(ctx, in[0].Node.Digest)
	if err != nil {
		return err
	}
	defer src.Close()
	w, err := call.Create("out", false)
	if err != nil {
		return err
	}
	if err := Compress(ctx, w, src, Options{Level: args.Level, Memo: callMemo{call}}); err != nil {
		return err
	}
	return w.Close()
}

// callMemo keeps chunks where the call keeps small results.
type callMemo struct{ call action.Call }

func (m callMemo) Get(key digest.Digest) ([]byte, bool) { return m.call.Recall(key) }

func (m callMemo) Put(key digest.Digest, compressed []byte) { m.call.Remember(key, compressed) }
