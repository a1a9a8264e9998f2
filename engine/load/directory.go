package load

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// Directory is a build directory that was loaded. It is immutable.
type Directory struct {
	label    label.Label // the name means nothing
	targets  map[string]*Target
	names    []string               // of targets, sorted
	exports  map[string]*visibility // source files that others may use
	calls    map[string]*macroCall  // of macros that derive can repeat, by the name they were given
	problems diag.List              // of its file and of all that it loads
}

// Directory loads the build directory of at, once. The error is that there is
// none; what is wrong in its file is kept with it.
func (l *Loader) Directory(ctx context.Context, at label.Label) (*Directory, error) {
	if _, err := l.Settings(ctx); err != nil {
		return nil, err
	}
	if err := l.checkRepo(at); err != nil {
		return nil, err
	}
	key, err := at.Sibling(workspace.BuildFile)
	if err != nil {
		return nil, err
	}
	d := l.directories.get(key, func() *Directory { return l.runDirectory(ctx, key) })
	if err := ctx.Err(); err != nil {
		return nil, err // what was not finished says so, and that is no problem of the file
	}
	if d == nil {
		return nil, l.noDirectory(ctx, at)
	}
	return d, nil
}

// runDirectory is nil if there is no such build directory.
func (l *Loader) runDirectory(ctx context.Context, at label.Label) *Directory {
	if !l.workspace.IsBuildDirectory(at.Repo(), at.Dir()) {
		return nil
	}
	defer l.waits.finished(at)
	b := &builder{loader: l, dir: &Directory{
		label:   at,
		targets: map[string]*Target{},
		exports: map[string]*visibility{},
		calls:   map[string]*macroCall{},
	}}
	b.run(ctx, at)
	b.dir.names = slices.Sorted(maps.Keys(b.dir.targets))
	return b.dir
}

// wild are the targets that a wildcard means.
func (d *Directory) wild() []*Target {
	var all []*Target
	for _, name := range d.names {
		if t := d.targets[name]; !slices.Contains(t.Tags(), "manual") {
			all = append(all, t)
		}
	}
	return all
}

// Targets are all targets of the directory, sorted by name, and what is wrong
// with its file.
func (d *Directory) Targets() ([]*Target, error) {
	all := make([]*Target, 0, len(d.names))
	for _, name := range d.names {
		all = append(all, d.targets[name])
	}
	return all, d.problems.Err()
}

// builder is a Directory while its file is being run. It is for one goroutine.
type builder struct {
	loader     *Loader
	dir        *Directory
	visibility *visibility // of package(default_visibility); nil before
	undecided  []*Target   // those that gave no visibility
	lent       lent        // by the call that derive repeats; nil outside of derive
}

func (b *builder) run(ctx context.Context, at label.Label) {
	l := b.loader
	file, err := l.parse(at.Repo(), at.Path(), at)
	if err != nil {
		b.dir.problems = star.Problems(err, &l.files, "")
		return
	}
	loaded, problems, ok := l.loadAll(ctx, file, at)
	b.dir.problems = problems
	if !ok {
		return
	}
	env := l.Environment()
	env.Declare = b
	if _, err := l.run(ctx, file, l.names.build, loaded, env); err != nil {
		b.dir.problems = append(b.dir.problems, l.hint(star.Problems(err, &l.files, ""), l.names.build)...)
	}
	for _, t := range b.undecided {
		t.visibility = b.visibility
		if t.visibility == nil {
			t.visibility = &visibility{}
		}
	}
}

// Directory is a label in the directory being loaded.
func (b *builder) Directory() label.Label { return b.dir.label }

// Declare adds a target. What is wrong with it becomes a problem of the
// directory, and the file goes on.
func (b *builder) Declare(t *starlark.Thread, r *star.Rule, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if r.Name() == "" {
		return fmt.Errorf("the rule defined at %s was not assigned to a global name", r.Defined())
	}
	if len(args) > 0 {
		return fmt.Errorf("%s: got a positional argument, want only named ones", r.Name())
	}
	stack := star.Stack(t)
	values, wrong := r.Bind(b.dir.label, kwargs)
	name, _ := starlark.AsString(orNone(values["name"]))
	target := &Target{rule: r, values: values, position: star.Position(stack[len(stack)-1].Pos), lent: b.lent}
	if len(stack) > 1 {
		target.macro = stack[len(stack)-2].Name
	}
	if err := b.place(target, name); err != nil {
		wrong = append(wrong, err)
	}
	if err := b.show(target); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) == 0 { // what is wrong has no value
		wrong = b.foreign(target)
	}
	for _, w := range wrong {
		b.report(stack, fmt.Sprintf("%s %q", r.Name(), name), w)
	}
	return nil
}

func orNone(v starlark.Value) starlark.Value {
	if v == nil {
		return starlark.None
	}
	return v
}

// place enters a target under its name, if it has one.
func (b *builder) place(t *Target, name string) *star.ArgumentError {
	if t.values["name"] == nil {
		return nil // Bind has said so
	}
	at, err := b.dir.label.Sibling(name)
	if err != nil {
		return &star.ArgumentError{Name: "name", Text: err.Error()}
	}
	if other, ok := b.dir.targets[name]; ok {
		return &star.ArgumentError{Name: "name", Text: fmt.Sprintf("name %q is taken by a %s", name, other.Kind()), Notes: []string{"the other one is declared at " + other.position.String()}}
	}
	t.label = at
	b.dir.targets[name] = t
	return nil
}

// show decides who may see a target.
func (b *builder) show(t *Target) *star.ArgumentError {
	l, ok := t.values["visibility"].(*starlark.List)
	if !ok || l.Len() == 0 {
		b.undecided = append(b.undecided, t)
		return nil
	}
	v, err := parseVisibility(l, b.dir.label)
	if err != nil {
		return &star.ArgumentError{Name: "visibility", Text: "visibility: " + err.Error()}
	}
	t.visibility = v
	return nil
}

// foreign are the labels of workspaces that this one does not know as its layers,
// though the workspace that is being built does: alone, it would not have them.
func (b *builder) foreign(t *Target) []*star.ArgumentError {
	l, home := b.loader, b.dir.label.Repo()
	var wrong []*star.ArgumentError
	for _, name := range t.Attributes() {
		star.Labels(t.values[name], func(at label.Label) {
			if at.Repo() == home || !l.workspace.HasRepo(at.Repo()) || l.layers.reaches(home, at.Repo()) {
				return
			}
			text, hint := l.notLayer(home, at.Repo())
			wrong = append(wrong, &star.ArgumentError{Name: name, Text: fmt.Sprintf("attribute %q: %s: %s", name, at, text), Hint: hint})
		})
	}
	return wrong
}

// report makes a problem of what is wrong with an argument.
func (b *builder) report(stack []starlark.CallFrame, subject string, w *star.ArgumentError) {
	files := &b.loader.files
	p := b.loader.problem(star.ArgumentPosition(files, star.Position(stack[0].Pos), w.Name), subject, "%s", w.Text)
	p.Hint = w.Hint
	p.Notes = append(slices.Clone(w.Notes), star.CallNotes(stack)...)
	b.dir.problems = append(b.dir.problems, p)
}
