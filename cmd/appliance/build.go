package main

import (
	"context"
	"errors"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine"
	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/output"
	"github.com/kittyhawk/appliance/engine/tree"
)

const buildLong = `Bring targets up to date and link their files below the output directory.

Patterns are labels (//dir:name, //dir, :name), all targets of a directory (//dir:all) or of a
directory and everything below it (//dir/...). A pattern with - in front takes targets away from those before it.`

func newBuild(p *program) *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:   "build PATTERN...",
		Short: "Bring targets up to date",
		Long:  buildLong,

		ValidArgsFunction: p.completeLabels,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return p.build(cmd.Context(), &flags, args)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func (p *program) build(ctx context.Context, flags *buildFlags, args []string) (err error) {
	at, err := p.findPlace()
	if err != nil {
		return err
	}
	patterns, err := at.patterns(args)
	if err != nil {
		return err
	}
	s, err := p.openSession(ctx, at, flags, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := p.useSourcesFor(ctx, s, &flags.sourceFlags, patterns); err != nil {
		return err
	}
	if flags.noBuild {
		_, err := s.engine.Plan(ctx, patterns)
		return err
	}
	outcome, err := s.engine.Build(ctx, patterns)
	if outcome != nil {
		done, linkErr := p.link(ctx, s.stack, at.output(flags.output), outcome)
		if err = errors.Join(err, linkErr); err == nil {
			s.screen.Summary(done)
		}
	}
	return err
}

// link makes a link for every file that was asked for and made, also for those
// of a build of which a part has failed, and keeps their targets from gc.
func (p *program) link(ctx context.Context, s *stack, out string, outcome *engine.Outcome) (built, error) {
	var done built
	var kept []tree.Node
	dir := output.At(out)
	for _, t := range outcome.Targets {
		done.targets = append(done.targets, t.Label)
		for _, f := range t.Files {
			n, ok := outcome.Nodes[f]
			if !ok || f.Origin() == action.Source {
				continue
			}
			host, err := s.store.Path(ctx, n)
			if err != nil {
				return done, err
			}
			link, err := dir.Link(f.Path(), host)
			if err != nil {
				return done, err
			}
			kept = append(kept, n)
			done.files++
			done.below = common(done.below, p.show(filepath.Dir(link)))
		}
	}
	if len(kept) == 0 {
		return done, nil // what an earlier build has linked stays
	}
	return done, s.store.Pin(ctx, out, kept)
}

// show is a path as the person sees it from where the program was started.
func (p *program) show(name string) string {
	if rel, err := filepath.Rel(p.dir, name); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}

// common is the directory that holds both; "" is not known yet.
func common(a, b string) string {
	if a == "" {
		return b
	}
	for a != b {
		if len(a) > len(b) {
			a = path.Dir(a)
		} else {
			b = path.Dir(b)
		}
	}
	return a
}
