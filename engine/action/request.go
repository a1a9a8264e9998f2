package action

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/engine/wire"
)

// format is part of every key. It changes when the meaning of a key does: what
// the sandbox shows, how outputs are collected.
const format = "appliance-1"

// Request is an action whose inputs are known: everything a runner needs.
type Request struct {
	Action *Action
	Key    digest.Digest // the REAPI action digest
	Root   tree.Node     // the input root: a merged tree of all inputs
	Nodes  map[*Artifact]tree.Node
	wire   wire.Action
	cmd    wire.Command
}

// NewRequest composes the input root of a and makes its key. nodes holds the
// content of every input of a; directories are read from and put into trees.
func NewRequest(ctx context.Context, a *Action, nodes map[*Artifact]tree.Node, trees tree.Store) (*Request, error) {
	b := tree.NewBuilder(trees)
	var cmd wire.Command
	var err error
	switch w := a.work.(type) {
	case *Command:
		cmd, err = w.message(), w.lay(ctx, b, nodes)
	case *ToolCall:
		cmd, err = w.message(), w.lay(ctx, b, nodes)
	case *Fetch:
		cmd = w.message()
	}
	if err != nil {
		return nil, err
	}
	root, err := b.Build(ctx, trees)
	if err != nil {
		return nil, err
	}
	return newRequest(a, nodes, root, cmd), nil
}

func newRequest(a *Action, nodes map[*Artifact]tree.Node, root tree.Node, cmd wire.Command) *Request {
	cmd.Platform = append(cmd.Platform, wire.Property{Name: "format", Value: format})
	slices.SortFunc(cmd.Platform, func(x, y wire.Property) int {
		return strings.Compare(x.Name+"\x00"+x.Value, y.Name+"\x00"+y.Value)
	})
	message := wire.Action{
		Command:   digest.Of(cmd.Encode()),
		InputRoot: root.Digest,
		Timeout:   a.timeout.Round(time.Second),
		Platform:  cmd.Platform,
	}
	return &Request{a, digest.Of(message.Encode()), root, nodes, message, cmd}
}

// Messages are the encoded REAPI Action and Command whose digests make the key.
func (r *Request) Messages() (action, command []byte) { return r.wire.Encode(), r.cmd.Encode() }

// Explain is the key as text: one line for each part, for people and for
// comparing two keys.
func (r *Request) Explain() []string {
	lines := []string{"input root " + r.Root.Digest.String()}
	for i, s := range r.cmd.Arguments {
		lines = append(lines, fmt.Sprintf("argument %d %q", i, s))
	}
	for _, v := range r.cmd.Environment {
		lines = append(lines, fmt.Sprintf("environment %s=%q", v.Name, v.Value))
	}
	for _, p := range r.cmd.OutputPaths {
		lines = append(lines, "output "+p)
	}
	for _, p := range r.cmd.Platform {
		lines = append(lines, fmt.Sprintf("property %s=%q", p.Name, p.Value))
	}
	for _, a := range r.Action.inputs {
		n := r.Nodes[a]
		lines = append(lines, fmt.Sprintf("input %s %s %s%s", a, n.Kind, n.Digest, n.Target))
	}
	return lines
}

func (c *Command) message() wire.Command {
	m := wire.Command{Arguments: c.Argv, Environment: c.Environment, Dir: relative(c.Dir)}
	for _, o := range c.Outputs {
		m.OutputPaths = append(m.OutputPaths, relative(o.Name))
		if o.Artifact.tree {
			m.Platform = append(m.Platform, wire.Property{Name: "output-tree", Value: o.Name})
		}
	}
	slices.Sort(m.OutputPaths)
	for _, w := range c.Writable {
		m.Platform = append(m.Platform, wire.Property{Name: "writable", Value: w})
	}
	// What is asked for is part of the key, what this host has of it is not: a
	// device may make a command faster and never other, and a test that has passed
	// here with it need not run on the next host without.
	for _, d := range c.Devices {
		m.Platform = append(m.Platform, wire.Property{Name: "device", Value: d})
	}
	return m
}

func relative(p string) string { return strings.TrimPrefix(p, "/") }

func (c *Command) lay(ctx context.Context, b *tree.Builder, nodes map[*Artifact]tree.Node) error {
	for _, m := range c.Mounts {
		for _, a := range m.Artifacts {
			if err := b.Add(ctx, relative(m.Path), nodes[a], a.String()); err != nil {
				return fmt.Errorf("mount %s: %w", m.Path, err)
			}
		}
	}
	return nil
}

func (t *ToolCall) message() wire.Command {
	m := wire.Command{Arguments: []string{"tool", t.Tool, strconv.Itoa(t.Version), string(t.Args)}}
	for _, o := range t.Outputs {
		m.OutputPaths = append(m.OutputPaths, o.Name)
	}
	slices.Sort(m.OutputPaths)
	return m
}

// lay gives each input a place of its own: name/0, name/1, ….
func (t *ToolCall) lay(ctx context.Context, b *tree.Builder, nodes map[*Artifact]tree.Node) error {
	for _, in := range t.Inputs {
		for i, a := range in.Artifacts {
			if err := b.Add(ctx, path.Join(in.Name, strconv.Itoa(i)), nodes[a], a.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// message leaves the URLs out: bytes with this digest are the same from
// anywhere.
func (f *Fetch) message() wire.Command {
	return wire.Command{
		Arguments:   []string{"fetch", hex.EncodeToString(f.SHA256[:])},
		OutputPaths: []string{f.Output.Name},
	}
}
