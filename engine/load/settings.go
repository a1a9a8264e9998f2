package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// Settings are what the root APPLIANCE.star of a repository says about the
// whole of it, in the call workspace(...).
type Settings struct {
	Name            string
	Layers          []Layer             // in the order they were written
	DefaultPlatform label.Label         // the target platform when none is asked for; may be zero
	ExecPlatform    label.Label         // where actions run; may be zero
	Toolchains      []label.Pattern     // registered toolchains, in order of preference
	Mirrors         map[string][]string // base URLs by the name in mirror://name/
}

// Layer is another workspace, addressed as @Name//... Either Path is set, or
// URL and SHA256 are.
type Layer struct {
	Name   string
	Path   string // a directory, relative to the workspace's root or absolute
	URL    string // an archive
	SHA256 string // of the archive, in hexadecimal
}

// Settings reads the workspace's settings and opens its layers, once. The call
// is read before any file is run, because load statements need the layers: its
// arguments are plain expressions without names.
func (l *Loader) Settings(ctx context.Context) (*Settings, error) {
	l.settings.Do(func() {
		s, err := l.readSettings(ctx, "")
		if err == nil {
			err = l.openLayers(ctx, s.Layers)
		}
		l.main = settingsResult{s, err}
	})
	return l.main.settings, l.main.err
}

// RepoSettings are those of a layer. A repository without a root APPLIANCE.star
// has empty ones.
func (l *Loader) RepoSettings(ctx context.Context, repo string) (*Settings, error) {
	if repo == "" {
		return l.Settings(ctx)
	}
	r := l.repoSettings.get(repo, func() settingsResult {
		s, err := l.readSettings(ctx, repo)
		return settingsResult{s, err}
	})
	return r.settings, r.err
}

type settingsResult struct {
	settings *Settings
	err      error
}

func (l *Loader) openLayers(ctx context.Context, layers []Layer) error {
	var problems diag.List
	for _, layer := range layers {
		problems.Add(l.openLayer(ctx, layer))
	}
	return problems.Err()
}

func (l *Loader) openLayer(ctx context.Context, layer Layer) error {
	dir := layer.Path
	if dir == "" {
		if l.opts.OpenLayer == nil {
			return fmt.Errorf("layer %q: only layers by path can be opened here", layer.Name)
		}
		var err error
		if dir, err = l.opts.OpenLayer(ctx, layer); err != nil {
			return fmt.Errorf("layer %q: %w", layer.Name, err)
		}
	}
	return l.workspace.AddLayer(layer.Name, dir)
}

func (l *Loader) readSettings(ctx context.Context, repo string) (*Settings, error) {
	if !l.workspace.IsBuildDirectory(repo, "") {
		return &Settings{}, nil
	}
	root, err := label.New(repo, "", workspace.BuildFile)
	if err != nil {
		return nil, err
	}
	file, err := l.parse(repo, workspace.BuildFile, root)
	if err != nil {
		return nil, star.Problems(err, &l.files, "").Err()
	}
	call := workspaceCall(file)
	if call == nil {
		return &Settings{}, nil
	}
	r := settingsReader{loader: l, root: root, settings: &Settings{Mirrors: map[string][]string{}}}
	for _, arg := range call.Args {
		r.argument(ctx, arg)
	}
	return r.settings, r.problems.Err()
}

// workspaceCall finds the call at top level; nil if there is none.
func workspaceCall(f *syntax.File) *syntax.CallExpr {
	for _, s := range f.Stmts {
		e, ok := s.(*syntax.ExprStmt)
		if !ok {
			continue
		}
		call, ok := e.X.(*syntax.CallExpr)
		if !ok {
			continue
		}
		if id, ok := call.Fn.(*syntax.Ident); ok && id.Name == "workspace" {
			return call
		}
	}
	return nil
}

// settingsReader reads the arguments of one call.
type settingsReader struct {
	loader   *Loader
	root     label.Label
	settings *Settings
	problems diag.List
}

// settingsArguments is the one table of them.
var settingsArguments = map[string]func(*settingsReader, starlark.Value) error{
	"name":             (*settingsReader).name,
	"layers":           (*settingsReader).layers,
	"default_platform": (*settingsReader).defaultPlatform,
	"exec_platform":    (*settingsReader).execPlatform,
	"toolchains":       (*settingsReader).toolchains,
	"mirrors":          (*settingsReader).mirrors,
}

func (r *settingsReader) argument(ctx context.Context, arg syntax.Expr) {
	start, _ := arg.Span()
	pos := star.Position(start)
	b, ok := arg.(*syntax.BinaryExpr)
	var id *syntax.Ident
	if ok && b.Op == syntax.EQ {
		id, ok = b.X.(*syntax.Ident)
	}
	if !ok || id == nil {
		r.problems.Add(r.loader.problem(pos, "workspace", "got a positional argument, want only named ones"))
		return
	}
	read, ok := settingsArguments[id.Name]
	if !ok {
		p := r.loader.problem(pos, "workspace", "no argument %q", id.Name)
		p.Hint = star.DidYouMean(label.Nearest(id.Name, slices.Sorted(maps.Keys(settingsArguments))))
		r.problems.Add(p)
		return
	}
	v, err := r.evaluate(ctx, b.Y)
	if err != nil {
		r.problems = append(r.problems, star.Problems(err, &r.loader.files, "workspace")...)
		return
	}
	if err := read(r, v); err != nil {
		r.problems.Add(r.loader.problem(pos, "workspace", "%s: %s", id.Name, err))
	}
}

func (r *settingsReader) evaluate(ctx context.Context, e syntax.Expr) (starlark.Value, error) {
	thread, release := star.NewThread(ctx, "workspace", r.loader.Environment())
	defer release()
	return starlark.EvalExprOptions(star.Dialect, thread, e, nil)
}

func text(v starlark.Value) (string, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return "", fmt.Errorf("got %s, want string", v.Type())
	}
	return s, nil
}

func (r *settingsReader) name(v starlark.Value) (err error) {
	r.settings.Name, err = text(v)
	return err
}

func (r *settingsReader) defaultPlatform(v starlark.Value) (err error) {
	r.settings.DefaultPlatform, err = star.ParseLabel(v, r.root)
	return err
}

func (r *settingsReader) execPlatform(v starlark.Value) (err error) {
	r.settings.ExecPlatform, err = star.ParseLabel(v, r.root)
	return err
}

func (r *settingsReader) toolchains(v starlark.Value) error {
	names, err := stringList(v)
	if err != nil {
		return err
	}
	for _, name := range names {
		p, err := label.ParsePattern(name, r.root)
		if err != nil {
			return err
		}
		if p.Exclude() {
			return fmt.Errorf("%q: exclusions are not possible here", name)
		}
		r.settings.Toolchains = append(r.settings.Toolchains, p)
	}
	return nil
}

func stringList(v starlark.Value) ([]string, error) {
	l, ok := v.(*starlark.List)
	if !ok {
		return nil, fmt.Errorf("got %s, want list of strings", v.Type())
	}
	return stringsOf(l)
}

func (r *settingsReader) mirrors(v starlark.Value) error {
	d, ok := v.(*starlark.Dict)
	if !ok {
		return fmt.Errorf("got %s, want dict from name to URL or list of URLs", v.Type())
	}
	for key, value := range starlark.Entries(d) {
		name, err := text(key)
		if err != nil {
			return err
		}
		if s, ok := starlark.AsString(value); ok {
			value = starlark.NewList([]starlark.Value{starlark.String(s)})
		}
		if r.settings.Mirrors[name], err = stringList(value); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func (r *settingsReader) layers(v starlark.Value) error {
	d, ok := v.(*starlark.Dict)
	if !ok {
		return fmt.Errorf("got %s, want dict from name to path", v.Type())
	}
	for key, value := range starlark.Entries(d) {
		name, err := text(key)
		if err != nil {
			return err
		}
		layer, err := parseLayer(name, value)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		r.settings.Layers = append(r.settings.Layers, layer)
	}
	return nil
}

func parseLayer(name string, v starlark.Value) (Layer, error) {
	if name == "" || strings.ContainsAny(name, "/@:") {
		return Layer{}, fmt.Errorf("want a name without slash, colon and @")
	}
	if p, ok := starlark.AsString(v); ok && p != "" {
		return Layer{Name: name, Path: p}, nil
	}
	d, ok := v.(*starlark.Dict)
	if !ok {
		return Layer{}, fmt.Errorf(`got %s, want a path or {"url": ..., "sha256": ...}`, v)
	}
	layer := Layer{Name: name}
	for key, value := range starlark.Entries(d) {
		s, err := text(value)
		if err != nil {
			return Layer{}, err
		}
		switch key {
		case starlark.String("url"):
			layer.URL = s
		case starlark.String("sha256"):
			layer.SHA256 = s
		default:
			return Layer{}, fmt.Errorf(`got key %s, want "url" and "sha256"`, key)
		}
	}
	if layer.URL == "" || layer.SHA256 == "" {
		return Layer{}, fmt.Errorf(`want both "url" and "sha256"`)
	}
	return layer, nil
}
