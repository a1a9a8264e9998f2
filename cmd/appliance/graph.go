package main

import (
	"context"
	"errors"
	"slices"

	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// reading is what questions about targets are answered with.
type reading struct {
	loader    *load.Loader
	layers    lateLayers
	cacheOnly bool // nothing is downloaded
	box       sandbox.Starter
}

// openLoader prepares to load the targets of a workspace, its layers and the
// rules. The store is opened for layers only.
func (p *program) openLoader(at place, flags *buildFlags, events event.Sink) (*reading, error) {
	ws, err := openWorkspace(at, "")
	if err != nil {
		return nil, err
	}
	r := &reading{}
	r.layers.open = func(ctx context.Context) (*layerStore, error) {
		return p.openLayerStore(ctx, r, ws, flags, events)
	}
	r.loader = load.New(ws, events, load.Options{OpenLayer: r.layers.Open})
	return r, nil
}

func (p *program) openLayerStore(ctx context.Context, r *reading, ws *workspace.Workspace, flags *buildFlags, events event.Sink) (*layerStore, error) {
	mirrors, err := r.loader.RootMirrors(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := p.cacheDir()
	if err != nil {
		return nil, err
	}
	st, err := openStore(cache)
	if err != nil {
		return nil, err
	}
	fetcher, err := p.newFetcher(st, cache, &flags.mirrorFlags, mirrors)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	config := executeConfig(flags, &r.box, st, ws, fetcher, events)
	if r.cacheOnly {
		config.Fresh = absent{}
		config.Runner = runner.NewCached(st.Results(), absent{})
	}
	return &layerStore{store: st, config: config}, nil
}

// Close ends the use of what was loaded.
func (r *reading) Close() error {
	if r.layers.store == nil {
		return nil
	}
	return errors.Join(r.box.Close(), r.layers.store.store.Close())
}

// graph is the targets of a workspace as queries see them: before select() has
// chosen, all branches are there.
type graph struct {
	loader  *load.Loader
	base    label.Label
	changes []analyze.Override // of labels; all targets as they are loaded
}

// changed is what a label in an attribute of target t means, and in any.
func (g graph) changed(t *load.Target, attr string, l label.Label) label.Label {
	for _, c := range g.changes {
		if c.Attr == "" && c.Target == l || c.Attr == attr && c.Target == t.Label() {
			return c.Value.(label.Label)
		}
	}
	return l
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
	dirs, err := g.loader.Directories(ctx, p)
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

func (g graph) Deps(ctx context.Context, l label.Label) ([]label.Label, error) {
	t, err := g.loader.Target(ctx, l)
	if err != nil {
		return nil, err
	}
	if len(g.changes) == 0 || t.IsSource() {
		return t.Deps(), nil
	}
	deps := slices.Clone(t.Rule().Toolchains())
	for _, attr := range t.Attributes() {
		star.Labels(t.Attribute(attr), func(l label.Label) { deps = append(deps, g.changed(t, attr, l)) })
	}
	slices.SortFunc(deps, label.Label.Compare)
	return slices.Compact(deps), nil
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
	star.Labels(t.Attribute(name), func(l label.Label) { list = append(list, g.changed(t, name, l)) })
	return list, nil
}

func (g graph) BuildFile(_ context.Context, l label.Label) (label.Label, error) {
	return l.Sibling(workspace.BuildFile)
}
