package query

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/label"
)

// Format is a form in which an answer is printed.
type Format string

const (
	Labels    Format = "label"      // one label a line
	LabelKind Format = "label_kind" // the kind before each label
	DOT       Format = "graph"      // for Graphviz: the targets and the edges between them
	JSON      Format = "json"       // an array of objects: label, kind, deps
)

// Formats are all of them.
var Formats = []Format{Labels, LabelKind, DOT, JSON}

// Write prints targets in the order given.
func Write(ctx context.Context, w io.Writer, g Graph, list []label.Label, f Format) error {
	out := bufio.NewWriter(w)
	var err error
	switch f {
	case Labels:
		writeLabels(out, list)
	case LabelKind:
		err = writeKinds(ctx, out, g, list)
	case DOT:
		err = writeDOT(ctx, out, g, list)
	case JSON:
		err = writeJSON(ctx, out, g, list)
	default:
		err = fmt.Errorf("unknown format %q", f)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func writeLabels(out *bufio.Writer, list []label.Label) {
	for _, l := range list {
		fmt.Fprintln(out, l)
	}
}

func writeKinds(ctx context.Context, out *bufio.Writer, g Graph, list []label.Label) error {
	for _, l := range list {
		kind, err := g.Kind(ctx, l)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, kind, l)
	}
	return nil
}

// writeDOT follows https://graphviz.org/doc/info/lang.html.
func writeDOT(ctx context.Context, out *bufio.Writer, g Graph, list []label.Label) error {
	inside := targets{}
	for _, l := range list {
		inside.add(l)
	}
	out.WriteString("digraph targets {\n  node [shape=box];\n")
	for _, l := range list {
		fmt.Fprintf(out, "  %s;\n", dotID(l))
		deps, err := sortedDeps(ctx, g, l)
		if err != nil {
			return err
		}
		for _, d := range deps {
			if inside.has(d) {
				fmt.Fprintf(out, "  %s -> %s;\n", dotID(l), dotID(d))
			}
		}
	}
	out.WriteString("}\n")
	return nil
}

// dotID quotes a label; labels hold neither quotes nor backslashes nor newlines.
func dotID(l label.Label) string { return `"` + strings.ReplaceAll(l.String(), `"`, `\"`) + `"` }

// target is what JSON says of a target.
type target struct {
	Label string   `json:"label"`
	Kind  string   `json:"kind"`
	Deps  []string `json:"deps"`
}

func writeJSON(ctx context.Context, out *bufio.Writer, g Graph, list []label.Label) error {
	all := make([]target, 0, len(list))
	for _, l := range list {
		kind, err := g.Kind(ctx, l)
		if err != nil {
			return err
		}
		deps, err := sortedDeps(ctx, g, l)
		if err != nil {
			return err
		}
		t := target{Label: l.String(), Kind: kind, Deps: []string{}}
		for _, d := range deps {
			t.Deps = append(t.Deps, d.String())
		}
		all = append(all, t)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}

// sortedDeps are the direct dependencies, each once.
func sortedDeps(ctx context.Context, g Edges, l label.Label) ([]label.Label, error) {
	deps, err := g.Deps(ctx, l)
	if err != nil {
		return nil, err
	}
	deps = slices.Clone(deps)
	slices.SortFunc(deps, label.Label.Compare)
	return slices.Compact(deps), nil
}

// ByDeps puts each target before those it depends on, as far as there are no
// cycles, and otherwise keeps to the order of labels.
func ByDeps(ctx context.Context, g Edges, list []label.Label) ([]label.Label, error) {
	// Depth first, with a stack of our own: a target is done when all below it are.
	// The order of being done, turned round, is the one wanted.
	type visit struct {
		label.Label
		left []label.Label // dependencies to visit, the last first
	}
	inside, seen := targets{}, targets{}
	for _, l := range list {
		inside.add(l)
	}
	var stack []visit
	push := func(l label.Label) error {
		if seen.has(l) || !inside.has(l) {
			return nil
		}
		seen.add(l)
		deps, err := sortedDeps(ctx, g, l)
		stack = append(stack, visit{l, deps})
		return err
	}
	done := make([]label.Label, 0, len(list))
	roots := inside.sorted()
	slices.Reverse(roots)
	for _, root := range roots {
		if err := push(root); err != nil {
			return nil, err
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.left) == 0 {
				done = append(done, top.Label)
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.left[len(top.left)-1]
			top.left = top.left[:len(top.left)-1]
			if err := push(next); err != nil {
				return nil, err
			}
		}
	}
	slices.Reverse(done)
	return done, nil
}
