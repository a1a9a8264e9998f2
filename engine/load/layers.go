package load

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// layerGraph is which workspaces there are and which of them name which. It does
// not change once the layers are open.
type layerGraph struct {
	order    []string            // of all layers: those that the root names, those that these name, …
	embedded []string            // repositories that come with the program; every workspace knows them
	named    map[string][]string // by repository, the layers that its own workspace() names
}

// names reports whether the files of repository from may speak of repository to.
func (g *layerGraph) names(from, to string) bool {
	return from == to || slices.Contains(g.embedded, to) || slices.Contains(g.named[from], to)
}

// reaches reports whether to is from, or a layer that from names, or one that
// such a layer names: macros bring labels of their own workspace and of its
// layers along.
func (g *layerGraph) reaches(from, to string) bool {
	if g.names(from, to) {
		return true
	}
	return slices.ContainsFunc(g.named[from], func(between string) bool { return g.reaches(between, to) })
}

// Repos are all repositories in the order their toolchains count: the workspace,
// its layers, theirs, and what comes with the program.
func (l *Loader) Repos(ctx context.Context) ([]string, error) {
	if _, err := l.Settings(ctx); err != nil {
		return nil, err
	}
	return slices.Concat([]string{""}, l.layers.order, l.layers.embedded), nil
}

// RootMirrors are the base URLs of mirrors, by name, that the workspace declares.
func (l *Loader) RootMirrors(ctx context.Context) (map[string][]string, error) {
	settings, err := l.RootSettings(ctx)
	if err != nil {
		return nil, err
	}
	return settings.Mirrors, nil
}

// Mirrors are those that the workspace declares, and what its layers declare under
// names that it does not.
func (l *Loader) Mirrors(ctx context.Context) (map[string][]string, error) {
	repos, err := l.Repos(ctx)
	if err != nil {
		return nil, err
	}
	mirrors := map[string][]string{}
	for _, repo := range slices.Backward(repos) {
		settings, err := l.RepoSettings(ctx, repo)
		if err != nil {
			return nil, err
		}
		maps.Copy(mirrors, settings.Mirrors)
	}
	return mirrors, nil
}

// noRepo: nothing has this name.
func (l *Loader) noRepo(pos diag.Position, subject, repo string) error {
	p := l.problem(pos, subject, "no repository @%s", repo)
	p.Notes = []string{"layers are declared by workspace(layers = ...) in the root " + workspace.BuildFile}
	near := label.Nearest(repo, l.workspace.Repos()[1:])
	switch {
	case near != "":
		p.Hint = star.DidYouMean("@" + near)
	case l.main.settings != nil && l.main.settings.Name == repo:
		p.Hint = fmt.Sprintf("@%s is this workspace: write //...", repo)
	}
	return p
}

// notLayer is what to tell when repository from speaks of to, which is there, but
// no layer of it.
func (l *Loader) notLayer(from, to string) (text, hint string) {
	if to == "" {
		return fmt.Sprintf("@%s is a layer of this workspace and cannot use it", from), ""
	}
	return fmt.Sprintf("no repository @%s in @%s", to, from),
		"declare it in workspace(layers = ...) in " + l.workspace.Display(from, workspace.BuildFile)
}
