package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
)

// label reads an argument that names one target.
func (w place) label(s string) (label.Label, error) {
	p, err := label.ParsePattern(s, w.base)
	if err != nil {
		return label.Label{}, &usageError{err}
	}
	l, ok := p.Single()
	if !ok || p.Exclude() {
		return l, usagef("%s: got a pattern, want one target to run", s)
	}
	return l, nil
}

// programSuffix ends the name of what runs the target of the name without it.
const programSuffix = ".run"

// findProgram is the target that a person means who wants to run at.
func findProgram(ctx context.Context, loader *load.Loader, at label.Label) (*load.Target, error) {
	found, t, err := ownProgram(ctx, loader, at, programSuffix)
	if found != nil || err != nil {
		return found, err
	}
	programs, err := programsIn(ctx, loader, t.Label())
	if err != nil {
		return nil, err
	}
	return nil, notRunnable(t, programs)
}

// ownProgram is the target at, or the one beside it with the suffix behind its name,
// if one of them can be run; found is nil if not, and t is what at means.
func ownProgram(ctx context.Context, loader *load.Loader, at label.Label, suffix string) (found, t *load.Target, err error) {
	t, err = actual(ctx, loader, at)
	if err == nil && canRun(t) {
		return t, t, nil
	}
	if err == nil {
		at = t.Label()
	}
	programs, dirErr := programsIn(ctx, loader, at)
	for _, p := range programs {
		if p.Label().Name() == at.Name()+suffix {
			return p, t, nil
		}
	}
	return nil, t, cmp.Or(err, dirErr)
}

// programsIn are the targets in the directory of at that can be run.
func programsIn(ctx context.Context, loader *load.Loader, at label.Label) ([]*load.Target, error) {
	d, err := loader.Directory(ctx, at)
	if err != nil {
		return nil, err
	}
	targets, err := d.Targets()
	return slices.DeleteFunc(targets, func(t *load.Target) bool { return !canRun(t) }), err
}

func notRunnable(t *load.Target, programs []*load.Target) error {
	p := diag.Errorf(diag.Position{}, t.Label().Short(), "a %s cannot be run", t.Kind())
	p.Notes = []string{fmt.Sprintf("nothing in %s can be run", t.Label().Directory())}
	if len(programs) > 0 {
		var names []string
		for _, other := range programs {
			names = append(names, other.Label().Short())
		}
		p.Notes = []string{"in its directory can be run: " + strings.Join(names, ", ")}
	}
	return &usageError{p}
}

func canRun(t *load.Target) bool { return !t.IsSource() && t.Rule().Executable() }

// actual is what a label means through aliases, as far as they do not depend on
// the platform.
func actual(ctx context.Context, loader *load.Loader, at label.Label) (*load.Target, error) {
	for seen := map[label.Label]bool{}; ; {
		t, err := loader.Target(ctx, at)
		if err != nil || seen[at] || t.IsSource() || t.Rule().Name() != star.Alias {
			return t, err
		}
		next, ok := t.Attribute("actual").(star.Label)
		if !ok {
			return t, nil
		}
		seen[at] = true
		at = next.Label
	}
}
