package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// DefaultMaxSteps is how many computation steps a file or an implementation
// function may take: seconds of work, where honest code takes milliseconds.
const DefaultMaxSteps = 100_000_000

// Options are the settings of a Loader. The zero Options are ready.
type Options struct {
	MaxSteps uint64 // 0 is DefaultMaxSteps

	// OpenLayer brings a layer's archive here and gives the directory that holds
	// what was in it, which stays as it is. nil refuses such layers. It is called
	// while RootSettings are known and Settings are not.
	OpenLayer func(context.Context, Layer) (dir string, err error)

	Now func() time.Time // nil is time.Now
}

// Loader loads each build directory and each .star file at most once. It may be
// used by many goroutines.
type Loader struct {
	workspace *workspace.Workspace
	events    event.Sink
	opts      Options
	files     sourceFiles
	waits     waits
	names     predeclared

	settings     sync.Once
	main         settingsResult // set by settings
	layers       layerGraph     // set by settings
	repoSettings once[string, settingsResult]

	modules     once[label.Label, *module]
	directories once[label.Label, *Directory]
	sources     once[label.Label, sourceResult]
}

// New makes a loader for a workspace.
func New(ws *workspace.Workspace, events event.Sink, opts Options) *Loader {
	if opts.MaxSteps == 0 {
		opts.MaxSteps = DefaultMaxSteps
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Loader{workspace: ws, events: events, opts: opts, names: newPredeclared()}
}

// Workspace is where the files come from.
func (l *Loader) Workspace() *workspace.Workspace { return l.workspace }

// Environment is what code outside of a build directory runs in: libraries and
// implementation functions.
func (l *Loader) Environment() *star.Environment {
	return &star.Environment{
		Files:    &l.files,
		MaxSteps: l.opts.MaxSteps,
		Print:    func(text string) { l.events.Hear(event.Note{Text: text}) },
	}
}

// Targets are the targets that the patterns mean, sorted by label. A label in
// the patterns must exist (it may name a source file), a wildcard must match
// something and leaves out targets tagged "manual". All problems of all files
// that were loaded for it are returned together.
func (l *Loader) Targets(ctx context.Context, patterns []label.Pattern) ([]*Target, error) {
	start := l.opts.Now()
	if _, err := l.Settings(ctx); err != nil {
		return nil, err
	}
	found := map[label.Label]*Target{}
	var problems diag.List
	for _, p := range patterns {
		if p.Exclude() {
			maps.DeleteFunc(found, func(t label.Label, _ *Target) bool { return p.Matches(t) })
			continue
		}
		matched, err := l.Expand(ctx, p)
		problems.Add(err)
		for _, t := range matched {
			found[t.label] = t
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	targets := slices.SortedFunc(maps.Values(found), func(a, b *Target) int { return a.label.Compare(b.label) })
	l.events.Hear(event.Loaded{Directories: l.directories.len(), Targets: len(targets), Took: l.opts.Now().Sub(start)})
	return targets, nil
}

// Expand is the targets that one pattern means, exclusion aside, as Targets
// explains.
func (l *Loader) Expand(ctx context.Context, p label.Pattern) ([]*Target, error) {
	if single, ok := p.Single(); ok {
		t, err := l.Target(ctx, single)
		if err != nil {
			return nil, err
		}
		return []*Target{t}, nil
	}
	labels, err := l.Directories(ctx, p)
	if err != nil {
		return nil, err
	}
	directories := make([]*Directory, len(labels))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, d := range labels {
		group.Go(func() (err error) {
			directories[i], err = l.Directory(ctx, d)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var problems diag.List
	var targets []*Target
	for _, d := range directories {
		problems.Add(d.problems.Err())
		targets = append(targets, d.wild()...)
	}
	if len(targets) == 0 && len(problems) == 0 {
		return nil, diag.Errorf(diag.Position{}, p.String(), "no targets match")
	}
	return targets, problems.Err()
}

// Directories are the build directories that a wildcard reaches, each by a label
// in it.
func (l *Loader) Directories(ctx context.Context, p label.Pattern) ([]label.Label, error) {
	root := p.Root()
	if err := l.checkRepo(root); err != nil {
		return nil, err
	}
	if !p.Recursive() {
		return []label.Label{root}, nil
	}
	if !l.workspace.IsDir(root.Repo(), root.Dir()) {
		return nil, l.noDirectory(ctx, root)
	}
	dirs, err := l.workspace.BuildDirectories(ctx, root.Repo(), root.Dir())
	if err != nil {
		return nil, err
	}
	labels := make([]label.Label, 0, len(dirs))
	for _, d := range dirs {
		at, err := label.New(root.Repo(), d, "all")
		if err != nil {
			return nil, diag.Errorf(diag.Position{File: l.workspace.Display(root.Repo(), d)}, "", "cannot be a build directory: %w", err)
		}
		labels = append(labels, at)
	}
	return labels, nil
}

// Target finds one target, or the source file of that name. Whatever is wrong
// with the file that declares it is an error too.
func (l *Loader) Target(ctx context.Context, at label.Label) (*Target, error) {
	if _, err := l.Settings(ctx); err != nil {
		return nil, err
	}
	d, err := l.Directory(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := d.problems.Err(); err != nil {
		return nil, err
	}
	if t, ok := d.targets[at.Name()]; ok {
		return t, nil
	}
	r := l.sources.get(at, func() sourceResult {
		t, err := l.source(d, at)
		return sourceResult{t, err}
	})
	return r.target, r.err
}

type sourceResult struct {
	target *Target
	err    error
}

// source is the source file or directory that a label names.
func (l *Loader) source(d *Directory, at label.Label) (*Target, error) {
	if !l.workspace.Exists(at.Repo(), at.Path()) {
		return nil, l.noTarget(d, at)
	}
	owner, ok := l.workspace.BuildDirectoryOf(at.Repo(), path.Join(at.Path(), "x"))
	if !ok || owner != at.Dir() {
		inner, err := label.New(at.Repo(), owner, "all")
		if err != nil {
			return nil, err
		}
		return nil, diag.Errorf(diag.Position{}, at.String(), "the file belongs to the build directory %s", inner.Directory())
	}
	return &Target{
		label:      at,
		position:   diag.Position{File: l.workspace.Display(at.Repo(), at.Path())},
		visibility: d.exports[at.Name()],
		tree:       l.workspace.IsDir(at.Repo(), at.Path()),
	}, nil
}

// HidesSource reports whether a target has the name of a file or directory of
// its build directory: no label can mean that one then.
func (l *Loader) HidesSource(t *Target) bool {
	at := t.Label()
	return !t.IsSource() && l.workspace.Exists(at.Repo(), at.Path())
}

func (l *Loader) noTarget(d *Directory, at label.Label) error {
	p := diag.Errorf(diag.Position{}, at.String(), "no such target or source file")
	p.Notes = []string{fmt.Sprintf("%s declares %s", l.workspace.Display(at.Repo(), path.Join(at.Dir(), workspace.BuildFile)), summary(d.names))}
	folder := path.Dir(at.Name())
	candidates := slices.Clone(d.names)
	for _, name := range l.workspace.Names(at.Repo(), path.Join(at.Dir(), folder)) {
		candidates = append(candidates, path.Join(folder, name))
	}
	if near := label.Nearest(at.Name(), candidates); near != "" {
		p.Hint = star.DidYouMean(at.Directory() + ":" + near)
	}
	return p
}

// summary lists some of the names.
func summary(names []string) string {
	const most = 8
	switch {
	case len(names) == 0:
		return "no targets"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (l *Loader) checkRepo(at label.Label) error {
	if l.workspace.HasRepo(at.Repo()) {
		return nil
	}
	return l.noRepo(diag.Position{}, at.String(), at.Repo())
}

// noDirectory says that a build directory is missing, and which one is meant.
func (l *Loader) noDirectory(ctx context.Context, at label.Label) error {
	file := path.Join(at.Dir(), workspace.BuildFile)
	if _, err := l.workspace.ReadFile(at.Repo(), file); errors.Is(err, fs.ErrPermission) {
		return diag.Errorf(diag.Position{}, at.Directory(), "%w", err)
	}
	p := diag.Errorf(diag.Position{}, at.Directory(), "no such build directory: there is no %s",
		l.workspace.Display(at.Repo(), file))
	dirs, err := l.workspace.BuildDirectories(ctx, at.Repo(), "")
	if err != nil {
		return p
	}
	if near := label.Nearest(at.Dir(), dirs); near != "" {
		d, _ := label.New(at.Repo(), near, "all")
		p.Hint = star.DidYouMean(d.Directory())
	}
	return p
}
