package load

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
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
	Position        diag.Position       // of the call; zero if there is none
}

// Layer is another workspace, addressed as @Name//... Either Path or Archive is
// set.
type Layer struct {
	Name     string
	Path     string   // a directory, relative to the root of the workspace that names it or absolute
	Archive  *Archive // what to fetch and unpack
	Position diag.Position
}

// Archive is a layer that comes from elsewhere.
type Archive struct {
	URLs        []string // tried in order
	SHA256      [digest.Size]byte
	StripPrefix string // the directory in it that is the workspace's root; "" is the top
}

// String tells where a layer comes from.
func (l Layer) String() string {
	if l.Archive == nil {
		return l.Path
	}
	s := fmt.Sprintf("%s (sha256 %x)", l.Archive.URLs[0], l.Archive.SHA256)
	if l.Archive.StripPrefix != "" {
		s += ", directory " + l.Archive.StripPrefix
	}
	return s
}

// RootSettings are those of the workspace itself, read before any layer is
// opened: the mirrors that layers are fetched from stand there.
func (l *Loader) RootSettings(ctx context.Context) (*Settings, error) {
	return l.repoSettings.get("", func() settingsResult {
		s, err := l.readSettings(ctx, "")
		return settingsResult{s, err}
	}).unpack()
}

// Settings reads the workspace's settings and opens its layers, and theirs,
// once. The call is read before any file is run, because load statements need
// the layers: its arguments are plain expressions without names.
func (l *Loader) Settings(ctx context.Context) (*Settings, error) {
	l.settings.Do(func() {
		s, err := l.RootSettings(ctx)
		if err == nil {
			err = l.openLayers(ctx, s)
		}
		l.main = settingsResult{s, err}
	})
	return l.main.unpack()
}

// RepoSettings are those of a layer. A repository without a root APPLIANCE.star
// has empty ones.
func (l *Loader) RepoSettings(ctx context.Context, repo string) (*Settings, error) {
	if repo == "" {
		return l.Settings(ctx)
	}
	return l.repoSettings.get(repo, func() settingsResult {
		s, err := l.readSettings(ctx, repo)
		return settingsResult{s, err}
	}).unpack()
}

type settingsResult struct {
	settings *Settings
	err      error
}

func (r settingsResult) unpack() (*Settings, error) { return r.settings, r.err }

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
	start, _ := call.Span()
	r := settingsReader{loader: l, root: root, settings: &Settings{
		Mirrors:  map[string][]string{},
		Position: star.Position(start),
	}}
	for _, arg := range call.Args {
		r.argument(ctx, arg)
	}
	if err := ctx.Err(); err != nil {
		return nil, err // an expression that was not finished is no problem of the file
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
	value    syntax.Expr // of the argument that is being read
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
	r.value = b.Y
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
		return fmt.Errorf("got %s, want dict from name to path or archive", v.Type())
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
		layer.Position = r.keyPosition(name)
		r.settings.Layers = append(r.settings.Layers, layer)
	}
	return nil
}

// keyPosition is where a dict has a key; where the dict begins if it is not
// written out there.
func (r *settingsReader) keyPosition(key string) diag.Position {
	start, _ := r.value.Span()
	d, ok := r.value.(*syntax.DictExpr)
	if !ok {
		return star.Position(start)
	}
	for _, e := range d.List {
		if l, ok := e.(*syntax.DictEntry).Key.(*syntax.Literal); ok && l.Value == key {
			return star.Position(l.TokenPos)
		}
	}
	return star.Position(start)
}

func parseLayer(name string, v starlark.Value) (Layer, error) {
	if _, err := label.New(name, "", "x"); err != nil || name == "" || strings.ContainsAny(name, "@") {
		return Layer{}, fmt.Errorf("want a name made of letters, digits, dots and dashes")
	}
	if p, ok := starlark.AsString(v); ok && p != "" {
		return Layer{Name: name, Path: p}, nil
	}
	d, ok := v.(*starlark.Dict)
	if !ok {
		return Layer{}, fmt.Errorf(`got %s, want a path or {"url": ..., "sha256": ...}`, v)
	}
	archive, err := parseArchive(d)
	return Layer{Name: name, Archive: archive}, err
}

func parseArchive(d *starlark.Dict) (*Archive, error) {
	a, sum := &Archive{}, ""
	for key, value := range starlark.Entries(d) {
		var err error
		switch key {
		case starlark.String("url"):
			var url string
			url, err = text(value)
			a.URLs = append(a.URLs, url)
		case starlark.String("urls"):
			var urls []string
			urls, err = stringList(value)
			a.URLs = append(a.URLs, urls...)
		case starlark.String("sha256"):
			sum, err = text(value)
		case starlark.String("strip_prefix"):
			a.StripPrefix, err = text(value)
		default:
			return nil, fmt.Errorf(`got key %s, want "url" or "urls", "sha256", and "strip_prefix"`, key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	if len(a.URLs) == 0 || sum == "" {
		return nil, fmt.Errorf(`want both "url" (or "urls") and "sha256"`)
	}
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) != digest.Size {
		return nil, fmt.Errorf("sha256 %q: want %d hexadecimal digits", sum, 2*digest.Size)
	}
	copy(a.SHA256[:], b)
	return a, nil
}
