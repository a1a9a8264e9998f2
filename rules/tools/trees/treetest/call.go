package treetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Call is one call of a tool. It is for one goroutine.
type Call struct {
	Log     []string // lines of Printf
	Opened  int      // how many files the tool has opened
	Outputs map[string]tree.Node

	args   string
	inputs map[string][]action.Input
	dirs   *tree.Memory
	blobs  map[digest.Digest][]byte
	notes  map[digest.Digest][]byte
}

// New is a call with arguments in JSON and no inputs.
func New(args string) *Call {
	return &Call{
		Outputs: map[string]tree.Node{},
		args:    args,
		inputs:  map[string][]action.Input{},
		dirs:    &tree.Memory{},
		blobs:   map[digest.Digest][]byte{},
		notes:   map[digest.Digest][]byte{},
	}
}

// AddFile appends a file to the inputs called name.
func (c *Call) AddFile(name, file string, content []byte) {
	c.inputs[name] = append(c.inputs[name], action.Input{Node: tree.NewFile(c.put(content), false), Name: file, Owner: "//:" + file})
}

// AddTree appends a tree to the inputs called name.
func (c *Call) AddTree(name, owner string, content map[string]string) {
	c.inputs[name] = append(c.inputs[name], action.Input{Node: c.Tree(content), Name: path.Base(owner), Owner: owner})
}

// Tree makes a tree of lines; a malformed one panics.
func (c *Call) Tree(content map[string]string) tree.Node {
	b := tree.NewBuilder(c.dirs)
	for p, line := range content {
		if err := b.Add(context.Background(), p, c.node(line), "test"); err != nil {
			panic(err)
		}
	}
	n, err := b.Build(context.Background(), c.dirs)
	if err != nil {
		panic(err)
	}
	return n
}

func (c *Call) node(line string) tree.Node {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "dir":
		c.dirs.PutDirectory(context.Background(), tree.Empty)
		return tree.Empty.Node()
	case "link":
		return tree.NewLink(rest)
	case "file", "exec":
		return tree.NewFile(c.put([]byte(rest)), kind == "exec")
	}
	panic("treetest: line " + line)
}

func (c *Call) put(b []byte) digest.Digest {
	d := digest.Of(b)
	c.blobs[d] = bytes.Clone(b)
	return d
}

// Lines shows an output tree as Tree takes it.
func (c *Call) Lines(output string) map[string]string {
	return c.LinesOf(c.Outputs[output])
}

// LinesOf shows any tree.
func (c *Call) LinesOf(root tree.Node) map[string]string {
	lines := map[string]string{}
	err := tree.Walk(context.Background(), c.dirs, root, func(p string, n tree.Node) error {
		switch {
		case n.Kind == tree.Symlink:
			lines[p] = "link " + n.Target
		case n.Kind == tree.File && n.Executable:
			lines[p] = "exec " + string(c.blobs[n.Digest])
		case n.Kind == tree.File:
			lines[p] = "file " + string(c.blobs[n.Digest])
		case n.Digest == tree.Empty.Digest() && p != "":
			lines[p] = "dir"
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return lines
}

func (c *Call) Args(v any) error {
	d := json.NewDecoder(strings.NewReader(c.args))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (c *Call) Inputs(name string) []action.Input { return c.inputs[name] }

func (c *Call) Trees() tree.Source { return c.dirs }

func (c *Call) Sink() tree.Sink { return c.dirs }

func (c *Call) Open(_ context.Context, d digest.Digest) (action.Blob, error) {
	b, ok := c.blobs[d]
	if !ok {
		return nil, fmt.Errorf("no blob %s", d)
	}
	c.Opened++
	return blob{bytes.NewReader(b)}, nil
}

type blob struct{ *bytes.Reader }

func (blob) Close() error { return nil }

func (c *Call) Create(name string, executable bool) (io.WriteCloser, error) {
	return &output{done: func(b []byte) { c.Outputs[name] = tree.NewFile(c.put(b), executable) }}, nil
}

// output calls done with all that was written.
type output struct {
	bytes.Buffer
	done func([]byte)
}

func (o *output) Close() error {
	o.done(o.Bytes())
	return nil
}

func (c *Call) PutTree(name string, n tree.Node) error {
	c.Outputs[name] = n
	return nil
}

func (c *Call) Recall(key digest.Digest) ([]byte, bool) {
	b, ok := c.notes[key]
	return b, ok
}

func (c *Call) Remember(key digest.Digest, value []byte) { c.notes[key] = value }

func (c *Call) Printf(format string, args ...any) {
	c.Log = append(c.Log, fmt.Sprintf(format, args...))
}
