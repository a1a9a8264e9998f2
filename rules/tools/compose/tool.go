package compose

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
)

// Tool is the action tool "compose": inputs "layers" (files and trees) and
// "keys" (files of SSH public keys), outputs "manifest" (a file) and "contents"
// (the tree of all that a tree can hold).
func Tool() action.Tool {
	return action.Tool{Name: "compose", Version: 1, Run: runTool}
}

func runTool(ctx context.Context, call action.Call) error {
	var a arguments
	if err := call.Args(&a); err != nil {
		return err
	}
	m, err := gather(ctx, call, a)
	if err != nil {
		return err
	}
	c, err := compose(ctx, a, m)
	if err != nil {
		return err
	}
	out, err := call.Create("manifest", false)
	if err != nil {
		return err
	}
	contents, err := call.CreateTree("contents")
	if err != nil {
		return err
	}
	if err := c.write(out, contents); err != nil {
		return err
	}
	if err := contents.Close(); err != nil {
		return err
	}
	return out.Close()
}

func gather(ctx context.Context, call action.Call, a arguments) (materials, error) {
	m := materials{trees: call.Trees(), open: call.Open}
	for _, in := range call.Inputs("layers") {
		m.layers = append(m.layers, in.Node)
	}
	if len(m.layers) != len(a.Layers) {
		return m, fmt.Errorf("got %d layers and say how to lay %d", len(m.layers), len(a.Layers))
	}
	for _, in := range call.Inputs("keys") {
		b, err := call.Open(ctx, in.Node.Digest)
		if err != nil {
			return m, err
		}
		text, err := io.ReadAll(b)
		b.Close()
		if err != nil {
			return m, err
		}
		m.keys = append(m.keys, text)
	}
	for _, u := range a.Users {
		for _, i := range u.Keys {
			if i < 0 || i >= len(m.keys) {
				return m, fmt.Errorf("user %q: key %d of %d", u.Name, i, len(m.keys))
			}
		}
	}
	return m, nil
}
