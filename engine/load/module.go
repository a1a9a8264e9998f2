package load

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// module is a .star file that was run.
type module struct {
	label    label.Label // directory and base name of the file
	globals  starlark.StringDict
	problems diag.List // of this file and of all that it loads
	failed   bool      // globals are not to be used
}

// module runs the file at, once.
func (l *Loader) module(ctx context.Context, at label.Label) *module {
	return l.modules.get(at, func() *module {
		defer l.waits.finished(at)
		return l.runModule(ctx, at)
	})
}

func (l *Loader) runModule(ctx context.Context, at label.Label) *module {
	m := &module{label: at}
	file, err := l.parse(at.Repo(), at.Path(), l.homeOf(at))
	if err != nil {
		return m.fail(star.Problems(err, &l.files, ""))
	}
	loaded, problems, ok := l.loadAll(ctx, file, at)
	m.problems = problems
	if !ok {
		m.failed = true
		return m
	}
	globals, err := l.run(ctx, file, l.names.library, loaded, l.Environment())
	if err != nil {
		return m.fail(l.hint(star.Problems(err, &l.files, ""), l.names.library))
	}
	m.globals = globals
	m.problems = append(m.problems, l.misnamed(globals, file.Path)...)
	return m
}

// misnamed are the problems with the names of the rules that a file defines.
func (l *Loader) misnamed(globals starlark.StringDict, file string) (problems diag.List) {
	for _, name := range slices.Sorted(maps.Keys(globals)) {
		r, ok := globals[name].(*star.Rule)
		if !ok || r.Defined().File != file {
			continue
		}
		if p := r.NameProblem(); p != nil {
			p.Excerpt = star.Line(&l.files, p.Position)
			problems = append(problems, p)
		}
	}
	return problems
}

func (m *module) fail(problems diag.List) *module {
	m.failed = true
	m.problems = append(m.problems, problems...)
	return m
}

// homeOf is a label in the build directory that the file at belongs to: what
// labels in it are relative to.
func (l *Loader) homeOf(at label.Label) label.Label {
	dir, ok := l.workspace.BuildDirectoryOf(at.Repo(), at.Path())
	if !ok {
		return at
	}
	home, err := label.New(at.Repo(), dir, strings.TrimPrefix(strings.TrimPrefix(at.Path(), dir), "/"))
	if err != nil {
		return at
	}
	return home
}

// run executes a file whose loads are done.
func (l *Loader) run(ctx context.Context, file *syntax.File, names starlark.StringDict, loaded map[string]*module, env *star.Environment) (starlark.StringDict, error) {
	program, err := starlark.FileProgram(file, names.Has)
	if err != nil {
		return nil, err
	}
	thread, release := star.NewThread(ctx, file.Path, env)
	defer release()
	thread.Load = func(_ *starlark.Thread, name string) (starlark.StringDict, error) {
		return loaded[name].globals, nil
	}
	globals, err := program.Init(thread, names)
	globals.Freeze()
	export(globals)
	return globals, err
}

// hint tells for unknown names which of the known ones may be meant, or that
// another sort of file knows them.
func (l *Loader) hint(problems diag.List, names starlark.StringDict) diag.List {
	known := append(names.Keys(), starlark.Universe.Keys()...)
	for _, p := range problems {
		name, ok := strings.CutPrefix(p.Text, "undefined: ")
		switch {
		case !ok || p.Hint != "":
		case l.names.library.Has(name):
			p.Hint = name + " is for .star files; define it in one and load it here"
		case l.names.build.Has(name):
			p.Hint = name + " is for " + workspace.BuildFile + " files"
		default:
			p.Hint = star.DidYouMean(label.Nearest(name, known))
		}
	}
	return problems
}

// export gives rules and providers the names of the globals that hold them.
func export(globals starlark.StringDict) {
	for _, name := range slices.Sorted(maps.Keys(globals)) {
		if v, ok := globals[name].(interface{ Export(string) }); ok {
			v.Export(name)
		}
	}
}

// loadAll runs the files that file loads, all at once. ok is false if one of
// them cannot be used.
func (l *Loader) loadAll(ctx context.Context, file *syntax.File, from label.Label) (loaded map[string]*module, problems diag.List, ok bool) {
	statements := loads(file)
	modules := make([]*module, len(statements))
	var group sync.WaitGroup
	for i, s := range statements {
		at, err := l.loadLabel(s, from)
		if err != nil {
			problems.Add(err)
			continue
		}
		pos := star.Position(s.Module.TokenPos)
		if cycle := l.waits.wait(from, at, pos); cycle != nil {
			problems.Add(l.loadCycle(cycle))
			continue
		}
		group.Go(func() { modules[i] = l.module(ctx, at) })
	}
	group.Wait()
	ok = true
	loaded = map[string]*module{}
	for i, s := range statements {
		m := modules[i]
		if m == nil {
			ok = false
			continue
		}
		problems = merge(problems, m.problems)
		missing := l.checkSymbols(s, m)
		problems = append(problems, missing...)
		ok = ok && !m.failed && len(missing) == 0
		loaded[s.Module.Value.(string)] = m
	}
	return loaded, problems, ok
}

// merge adds the problems that are not there yet: a file that is loaded on many
// ways brings its own on each.
func merge(problems, more diag.List) diag.List {
	for _, p := range more {
		if !slices.Contains(problems, p) {
			problems = append(problems, p)
		}
	}
	return problems
}

// loadLabel is the file that a load statement names: there are as many labels
// of a file as it has directories above it, so the one of its own directory is
// taken.
func (l *Loader) loadLabel(s *syntax.LoadStmt, from label.Label) (label.Label, error) {
	pos, name := star.Position(s.Module.TokenPos), s.Module.Value.(string)
	at, err := label.Parse(name, l.homeOf(from))
	switch {
	case err != nil:
		return at, l.problem(pos, "load", "%s", err)
	case path.Ext(at.Name()) != ".star" || path.Base(at.Name()) == workspace.BuildFile:
		return at, l.problem(pos, "load", "%s: want a .star file other than %s", name, workspace.BuildFile)
	case !l.workspace.HasRepo(at.Repo()):
		return at, l.noRepo(pos, "load", at.Repo())
	case !l.layers.names(from.Repo(), at.Repo()):
		text, hint := l.notLayer(from.Repo(), at.Repo())
		p := l.problem(pos, "load", "%s", text)
		p.Hint = hint
		return at, p
	case !l.workspace.Exists(at.Repo(), at.Path()):
		return at, l.noFile(pos, at)
	}
	dir := path.Dir(at.Path())
	if dir == "." {
		dir = ""
	}
	return label.New(at.Repo(), dir, path.Base(at.Path()))
}

func (l *Loader) noFile(pos diag.Position, at label.Label) error {
	p := l.problem(pos, "load", "%s: no such file: %s", at, l.workspace.Display(at.Repo(), at.Path()))
	p.Cause = fs.ErrNotExist
	folder := path.Dir(at.Name())
	if near := label.Nearest(path.Base(at.Name()), l.workspace.Names(at.Repo(), path.Join(at.Dir(), folder))); near != "" {
		p.Hint = star.DidYouMean(at.Directory() + ":" + path.Join(folder, near))
	}
	return p
}

// checkSymbols holds the names that s wants against those that m has.
func (l *Loader) checkSymbols(s *syntax.LoadStmt, m *module) diag.List {
	if m.failed {
		return nil
	}
	var problems diag.List
	public := slices.DeleteFunc(m.globals.Keys(), func(name string) bool { return strings.HasPrefix(name, "_") })
	for _, id := range s.From {
		if m.globals.Has(id.Name) || strings.HasPrefix(id.Name, "_") {
			continue // the resolver speaks of private names
		}
		p := l.problem(star.Position(id.NamePos), "load", "%s has no %q", s.Module.Value, id.Name)
		p.Hint = star.DidYouMean(label.Nearest(id.Name, public))
		problems = append(problems, p)
	}
	return problems
}

// errLoadCycle tells load cycles apart in errors.Is.
var errLoadCycle = errors.New("load cycle")

func (l *Loader) loadCycle(cycle []edge) error {
	names := make([]string, 0, len(cycle)+1)
	for _, e := range cycle {
		names = append(names, e.from.String())
	}
	names = append(names, cycle[0].from.String())
	p := l.problem(cycle[0].pos, "load", "cycle: %s", strings.Join(names, " -> "))
	for _, e := range cycle[1:] {
		p.Notes = append(p.Notes, e.from.String()+" is loaded further at "+e.pos.String())
	}
	p.Cause = errLoadCycle
	return p
}
