package main

import (
	"context"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// openLoader prepares to load the targets of a workspace, its layers and the
// rules. The layers are to be closed in the end.
func (p *program) openLoader(at place, flags *buildFlags, events event.Sink) (*lateLayers, error) {
	ws, err := openWorkspace(at, "")
	if err != nil {
		return nil, err
	}
	layers := &lateLayers{program: p, flags: flags, events: events, workspace: ws}
	layers.loader = load.New(ws, events, load.Options{OpenLayer: layers.open})
	return layers, nil
}

// graph is the targets of a workspace as queries see them: before select() has
// chosen, all branches are there.
type graph struct {
	loader *load.Loader
	base   label.Label
}

// Expand takes a wildcard at its word: unlike those of a build, it matches targets
// tagged "manual" too.
func (g graph) Expand(ctx context.Context, pattern string) ([]label.Label, error) {
	p, err := label.ParsePattern(pattern, g.base)
	if err != nil {
		return nil, err
	}
	if single, ok := p.Single(); ok {
		_, err := g.loader.Target(ctx, single)
		return []label.Label{single}, err
	}
	if _, err := g.loader.Settings(ctx); err != nil {
		return nil, err
	}
	dirs, err := g.directories(ctx, p)
	if err != nil {
		return nil, err
	}
	var found []label.Label
	var problems diag.List
	for _, dir := range dirs {
		d, err := g.loader.Directory(ctx, dir)
		if err != nil {
			return nil, err
		}
		targets, err := d.Targets()
		problems.Add(err)
		for _, t := range targets {
			found = append(found, t.Label())
		}
	}
	return found, problems.Err()
}

// directories are the build directories that a wildcard is about.
func (g graph) directories(ctx context.Context, p label.Pattern) ([]label.Label, error) {
	root := p.Root()
	if !p.Recursive() {
		return []label.Label{root}, nil
	}
	dirs, err := g.loader.Workspace().BuildDirectories(ctx, root.Repo(), root.Dir())
	if err != nil {
		return nil, err
	}
	var list []label.Label
	for _, dir := range dirs {
		l, err := label.New(root.Repo(), dir, "all")
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func (g graph) Deps(ctx context.Context, l label.Label) ([]label.Label, error) {
	t, err := g.loader.Target(ctx, l)
	if err != nil {
		return nil, err
	}
	return t.Deps(), nil
}

func (g graph) Kind(ctx context.Context, l label.Label) (string, error) {
	t, err := g.loader.Target(ctx, l)
	if err != nil {
		return "", err
	}
	if t.IsSource() {
		return t.Kind(), nil
	}
	return t.Kind() + " rule", nil
}

func (g graph) Attr(ctx context.Context, l label.Label, name string) (value string, ok bool, err error) {
	t, err := g.loader.Target(ctx, l)
	if err != nil {
		return "", false, err
	}
	v := t.Attribute(name)
	if v == nil {
		return "", false, nil
	}
	return star.Text(v), true, nil
}

func (g graph) AttrLabels(ctx context.Context, l label.Label, name string) ([]label.Label, error) {
	t, err := g.loader.Target(ctx, l)
	if err != nil {
		return nil, err
	}
	var list []label.Label
	star.Labels(t.Attribute(name), func(l label.Label) { list = append(list, l) })
	return list, nil
}

func (g graph) BuildFile(_ context.Context, l label.Label) (label.Label, error) {
	return l.Sibling(workspace.BuildFile)
}
