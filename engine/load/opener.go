package load

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// place is a workspace that was opened.
type place struct {
	repo  string
	dir   string
	named Layer  // as it was named first; zero for the root
	below string // the top of the archive that it lies in; "" for one that does not
}

// opener opens layers until no workspace names one that is not open.
type opener struct {
	*Loader
	name     string // that the root gives itself
	places   map[string]*place
	queue    []*place
	circles  waits // of workspaces, each by a label in it
	problems diag.List
}

// openLayers opens the layers of the workspace, and theirs. All problems of all
// of them are returned together.
func (l *Loader) openLayers(ctx context.Context, main *Settings) error {
	l.layers = layerGraph{embedded: l.workspace.Repos()[1:], named: map[string][]string{}}
	root := &place{dir: l.workspace.Root()}
	o := &opener{Loader: l, name: main.Name, places: map[string]*place{"": root}, queue: []*place{root}}
	for len(o.queue) > 0 {
		p := o.queue[0]
		o.queue = o.queue[1:]
		o.openLayersOf(ctx, p)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return o.problems.Err()
}

func (o *opener) openLayersOf(ctx context.Context, p *place) {
	settings, err := o.settingsOf(ctx, p)
	if err != nil {
		o.problems.Add(err)
		return
	}
	for _, layer := range settings.Layers {
		if err := o.open(ctx, p, layer); err != nil {
			o.problems.Add(err)
		}
	}
}

// settingsOf are the settings of an opened workspace, which must bear the name
// by which it was asked for.
func (o *opener) settingsOf(ctx context.Context, p *place) (*Settings, error) {
	if p.repo == "" {
		return o.RootSettings(ctx)
	}
	settings, err := o.RepoSettings(ctx, p.repo)
	if err != nil {
		return nil, err
	}
	file := o.workspace.Display(p.repo, workspace.BuildFile)
	switch {
	case settings.Position.File == "":
		return nil, o.layerProblem(p.named, "%s does not call workspace(name = %q)", file, p.repo)
	case settings.Name == "":
		return nil, o.layerProblem(p.named, "workspace() at %s gives no name; want name = %q", settings.Position, p.repo)
	case settings.Name != p.repo:
		problem := o.layerProblem(p.named, "the workspace calls itself %q, at %s", settings.Name, settings.Position)
		problem.Hint = fmt.Sprintf("a workspace has one name everywhere: write layers = {%q: ...}, and @%s//... in labels", settings.Name, settings.Name)
		return nil, problem
	}
	return settings, nil
}

// open opens one layer of the workspace from, unless it is open.
func (o *opener) open(ctx context.Context, from *place, layer Layer) error {
	p, err := o.find(ctx, from, layer)
	if err != nil {
		return err
	}
	other, known := o.lookup(p)
	if known && !workspace.SameRoot(other.dir, p.dir) {
		return o.conflict(layer, other)
	}
	if !known {
		other = p
	}
	if cycle := o.circles.wait(workspaceLabel(from.repo), workspaceLabel(other.repo), layer.Position); cycle != nil {
		return o.cycle(cycle)
	}
	o.layers.named[from.repo] = append(o.layers.named[from.repo], layer.Name)
	if known {
		return nil
	}
	if err := o.add(p); err != nil {
		return o.layerProblem(layer, "%w", err)
	}
	o.places[p.repo] = p
	o.queue = append(o.queue, p)
	o.layers.order = append(o.layers.order, p.repo)
	return nil
}

// lookup finds the open workspace that has the name of p, or is p if that is the
// root.
func (o *opener) lookup(p *place) (*place, bool) {
	root := o.places[""]
	if p.repo == o.name || workspace.SameRoot(root.dir, p.dir) {
		return root, true
	}
	other, ok := o.places[p.repo]
	return other, ok
}

// find is where a layer that the workspace from names lies.
func (o *opener) find(ctx context.Context, from *place, layer Layer) (*place, error) {
	if layer.Archive != nil {
		return o.unpack(ctx, layer)
	}
	if from.below != "" && (filepath.IsAbs(layer.Path) || !inside(from.below, filepath.Join(from.dir, layer.Path))) {
		return nil, o.layerProblem(layer, "%s: a workspace that comes as an archive can have layers by path only in there", layer.Path)
	}
	dir, err := o.workspace.LayerRoot(from.repo, layer.Path)
	if err != nil {
		return nil, o.layerProblem(layer, "%w", err)
	}
	return &place{layer.Name, dir, layer, from.below}, nil
}

func (o *opener) unpack(ctx context.Context, layer Layer) (*place, error) {
	if o.opts.OpenLayer == nil {
		return nil, o.layerProblem(layer, "only layers by path can be opened here")
	}
	top, err := o.opts.OpenLayer(ctx, layer)
	if err != nil {
		return nil, o.layerProblem(layer, "%w", err)
	}
	if _, err := o.workspace.LayerRoot("", top); err != nil {
		p := o.layerProblem(layer, "%s: the archive has no %s at the top", layer, workspace.BuildFile)
		p.Hint = `name the directory in it with "strip_prefix"`
		return nil, p
	}
	return &place{layer.Name, top, layer, top}, nil
}

// inside reports whether dir, an absolute path, is top or lies below it.
func inside(top, dir string) bool {
	rel, err := filepath.Rel(top, dir)
	return err == nil && filepath.IsLocal(rel)
}

func (o *opener) add(p *place) error {
	if p.below != "" {
		return o.workspace.AddArchive(p.repo, p.dir)
	}
	return o.workspace.AddLayer(p.repo, p.dir)
}

// layerProblem is what is wrong with a layer, where it is named.
func (l *Loader) layerProblem(layer Layer, format string, args ...any) *diag.Problem {
	err := fmt.Errorf(format, args...)
	text := err.Error()
	p := l.problem(layer.Position, "workspace", "")
	var inner *diag.Problem
	if errors.As(err, &inner) {
		text, p.Notes, p.Hint = inner.Text, inner.Notes, inner.Hint
	}
	p.Text = fmt.Sprintf("layer %q: %s", layer.Name, text)
	p.Kind, p.Cause = diag.KindOf(err, diag.User), err
	return p
}

// conflict: one name for two workspaces.
func (o *opener) conflict(layer Layer, other *place) error {
	p := o.layerProblem(layer, "is %s here, and another one elsewhere", layer)
	if other.repo == "" {
		p.Notes = []string{"the workspace that is being built has this name, too"}
		return p
	}
	p.Notes = []string{fmt.Sprintf("it is %s at %s", other.named, other.named.Position)}
	p.Hint = "let both name the same directory or archive"
	return p
}

// workspaceLabel stands for a workspace among labels.
func workspaceLabel(repo string) label.Label {
	l, err := label.New(repo, "", workspace.BuildFile)
	if err != nil {
		panic("bug: " + err.Error()) // parseLayer has checked the name
	}
	return l
}

func (o *opener) cycle(edges []edge) error {
	name := func(e edge) string {
		if e.from.Repo() == "" {
			return o.name
		}
		return e.from.Repo()
	}
	var names []string
	for _, e := range edges {
		names = append(names, name(e))
	}
	p := o.problem(edges[0].pos, "workspace", "layers in a circle: %s", strings.Join(append(names, names[0]), " -> "))
	for i, e := range edges[1:] {
		p.Notes = append(p.Notes, fmt.Sprintf("%s names its layer at %s", names[i+1], e.pos))
	}
	return p
}
