package treetest

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// CreateTree writes the output tree of that name. It becomes visible on Close.
func (c *Call) CreateTree(name string) (action.TreeWriter, error) {
	return &writer{call: c, name: name, nodes: map[string]tree.Node{}}, nil
}

type writer struct {
	call  *Call
	name  string
	nodes map[string]tree.Node
}

func (w *writer) put(p string, n tree.Node) error {
	if p == "" || p == "." || path.IsAbs(p) || path.Clean(p) != p || p == ".." || len(p) > 2 && p[:3] == "../" {
		return fmt.Errorf("path %q is not clean and relative", p)
	}
	if there, ok := w.nodes[p]; ok {
		return fmt.Errorf("path %q is there already, a %s", p, there.Kind)
	}
	for at := path.Dir(p); at != "."; at = path.Dir(at) {
		if n, ok := w.nodes[at]; ok && n.Kind != tree.Dir {
			return fmt.Errorf("path %q: %q is a %s", p, at, n.Kind)
		}
		w.nodes[at] = tree.Empty.Node()
	}
	w.nodes[p] = n
	return nil
}

func (w *writer) Directory(p string) error { return w.put(p, tree.Empty.Node()) }

func (w *writer) File(p string, executable bool) (io.WriteCloser, error) {
	if err := w.put(p, tree.NewFile(w.call.put(nil), executable)); err != nil {
		return nil, err
	}
	return &output{done: func(b []byte) { w.nodes[p] = tree.NewFile(w.call.put(b), executable) }}, nil
}

func (w *writer) Symlink(p, target string) error { return w.put(p, tree.NewLink(target)) }

func (w *writer) Link(p, existing string) error {
	n, ok := w.nodes[existing]
	if !ok || n.Kind == tree.Dir {
		return fmt.Errorf("link %q to %q: no such file", p, existing)
	}
	return w.put(p, n)
}

func (w *writer) Add(p string, n tree.Node) error { return w.put(p, n) }

func (w *writer) Close() error {
	b := tree.NewBuilder(w.call.dirs)
	w.call.dirs.PutDirectory(context.Background(), tree.Empty)
	for p, n := range w.nodes {
		if err := b.Add(context.Background(), p, n, "writer"); err != nil {
			return err
		}
	}
	n, err := b.Build(context.Background(), w.call.dirs)
	if err != nil {
		return err
	}
	w.call.Outputs[w.name] = n
	return nil
}
