package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/query"
)

const queryLong = `Print the targets that an expression of Bazel's query language stands for.

  //dir:name, //dir/...               targets
  a + b, a - b, a ^ b                 union, except, intersect
  deps(x), deps(x, 2)                 what x depends on, at most 2 steps away
  rdeps(universe, x)                  what depends on x
  somepath(a, b), allpaths(a, b)      how a depends on b
  kind("_image", x)                   targets of a kind, by regular expression
  filter("lib", x)                    targets with such a label
  attr(name, "value", x)              targets with such an attribute
  labels(name, x)                     the labels in an attribute
  buildfiles(x), siblings(x)          files that declare x; what else they declare
  some(x), set(a b c), let v = x in $v

Words with other characters than letters, digits and */@.-_:$~[] are quoted.`

// queryFlags say how to print the answer, and where layers come from.
type queryFlags struct {
	mirrorFlags
	sourceFlags
	output string
	order  string
}

func newQuery(p *program) *cobra.Command {
	flags := &queryFlags{output: string(query.Labels), order: "auto"}
	cmd := &cobra.Command{
		Use:   "query EXPRESSION",
		Short: "Ask about targets and their dependencies",
		Long:  queryLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := p.query(cmd.Context(), strings.Join(args, " "), flags)
			if exitCode(cmd.Context(), err) == exitBuildFailed {
				return &codeError{exitQueryFailed, err}
			}
			return err
		},
		ValidArgsFunction: p.completeLabels,
	}
	flags.mirrorFlags.register(cmd.Flags())
	flags.sourceFlags.register(cmd.Flags())
	var formats []string
	for _, f := range query.Formats {
		formats = append(formats, string(f))
	}
	cmd.Flags().Var(&choice{&flags.output, formats}, "output", "print as `"+strings.Join(formats, "|")+"`")
	cmd.Flags().Var(&choice{&flags.order, []string{"auto", "deps"}}, "order_output", "sort by label, or put targets before what they depend on: `auto|deps`")
	return cmd
}

func (p *program) query(ctx context.Context, expression string, flags *queryFlags) (err error) {
	q, err := query.Parse(strings.ReplaceAll(expression, protected, ""))
	if err != nil {
		return err
	}
	w, err := p.findPlace()
	if err != nil {
		return err
	}
	reading, err := p.openLoader(w, &buildFlags{mirrorFlags: flags.mirrorFlags}, notes{p})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	g, err := p.queriedGraph(ctx, q, flags, graph{loader: reading.loader, base: w.base})
	if err != nil {
		return err
	}
	list, err := q.Eval(ctx, g)
	if err == nil && flags.order == "deps" {
		list, err = query.ByDeps(ctx, g, list)
	}
	if err != nil {
		return err
	}
	return query.Write(ctx, p.stdout, g, list, query.Format(flags.output))
}

// queriedGraph is the graph with what --override_source changes in it.
func (p *program) queriedGraph(ctx context.Context, q *query.Query, flags *queryFlags, g graph) (graph, error) {
	changes, err := p.overrideSources(ctx, &flags.sourceFlags, place{base: g.base}, g.loader, func() ([]label.Label, error) {
		seen := &mentioned{graph: g}
		_, err := q.Eval(ctx, seen)
		return seen.labels, err
	})
	g.changes = changes
	return g, err
}

// mentioned is a graph that remembers which targets were asked for by pattern.
type mentioned struct {
	graph
	labels []label.Label
}

func (m *mentioned) Expand(ctx context.Context, pattern string) ([]label.Label, error) {
	list, err := m.graph.Expand(ctx, pattern)
	m.labels = append(m.labels, list...)
	return list, err
}

// notes prints what Starlark code prints, and nothing else.
type notes struct{ *program }

func (n notes) Hear(e event.Event) {
	if note, ok := e.(event.Note); ok {
		fmt.Fprintln(n.stderr, printable(note.Text))
	}
}
