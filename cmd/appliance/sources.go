package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
	"github.com/kittyhawk/appliance/rules"
)

const overrideSource = "--override_source"

// sourceFlags put directories of this host in the place of sources.
type sourceFlags struct{ overrides []string }

func (f *sourceFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.overrides, strings.TrimPrefix(overrideSource, "--"), nil,
		"compile from a directory: `PACKAGE=DIR`, a name or label of a package or its sources (repeatable)")
}

// sourceOverride is one of the flags, understood.
type sourceOverride struct {
	flag    string // as the person wrote it
	name    string // of the package, or its label
	dir     string // absolute
	target  *load.Target
	sources label.Label // what target is compiled from, or target itself
}

// parse reads the flags, which name directories relative to where p was started.
func (f *sourceFlags) parse(p *program) ([]*sourceOverride, error) {
	var list []*sourceOverride
	for _, s := range f.overrides {
		name, dir, ok := strings.Cut(s, "=")
		if !ok || name == "" || dir == "" {
			return nil, usagef("%s %s: want PACKAGE=DIR", overrideSource, s)
		}
		o := &sourceOverride{flag: overrideSource + " " + s, name: name, dir: p.path(dir)}
		info, err := os.Stat(o.dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, usagef("%s: there is no directory %s", o.flag, o.dir)
		case err != nil:
			return nil, usagef("%s: %w", o.flag, err)
		case !info.IsDir():
			return nil, usagef("%s: %s is not a directory", o.flag, o.dir)
		}
		list = append(list, o)
	}
	return list, nil
}

// overridesRepo is the repository that the directories are in.
const overridesRepo = "override_source"

// overrideSources is what the flags change in an analysis of what roots names. Names
// that are no labels are of packages that the roots need.
func (p *program) overrideSources(ctx context.Context, flags *sourceFlags, at place, loader *load.Loader, roots func() ([]label.Label, error)) ([]analyze.Override, error) {
	list, err := flags.parse(p)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	find := packageFinder{ctx: ctx, loader: loader, base: at.base, roots: roots}
	for _, o := range list {
		if err := find.resolve(o); err != nil {
			return nil, err
		}
	}
	return declareSources(ctx, loader, list)
}

// useSources does what the flags say to the analysis of a session.
func (p *program) useSources(ctx context.Context, s *session, flags *sourceFlags, roots func() ([]label.Label, error)) error {
	changes, err := p.overrideSources(ctx, flags, s.at, s.engine.Loader, roots)
	s.engine.Analysis.Overrides = append(s.engine.Analysis.Overrides, changes...)
	return err
}

// useSourcesFor is useSources for the targets that patterns mean.
func (p *program) useSourcesFor(ctx context.Context, s *session, flags *sourceFlags, patterns []label.Pattern) error {
	return p.useSources(ctx, s, flags, func() ([]label.Label, error) {
		var roots []label.Label
		for _, pattern := range patterns {
			if pattern.Exclude() {
				continue
			}
			targets, err := s.engine.Loader.Expand(ctx, pattern)
			if err != nil {
				return nil, err
			}
			for _, t := range targets {
				roots = append(roots, t.Label())
			}
		}
		return roots, nil
	})
}

// declareSources makes a target of each directory, and puts these in the places of
// the sources.
func declareSources(ctx context.Context, loader *load.Loader, list []*sourceOverride) ([]analyze.Override, error) {
	dirs := map[string]string{}
	var declared []rules.LocalSource
	var changes []analyze.Override
	for i, o := range list {
		if j := slices.IndexFunc(list[:i], func(other *sourceOverride) bool { return other.target.Label() == o.target.Label() }); j >= 0 {
			return nil, usagef("%s: %s has a directory already, by %s", o.flag, o.target.Label(), list[j].flag)
		}
		name := o.target.Label().Name()
		if slices.ContainsFunc(declared, func(d rules.LocalSource) bool { return d.Name == name }) {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		at, err := label.New(overridesRepo, "", name)
		if err != nil {
			return nil, err
		}
		dir := fmt.Sprintf("dir%d", i)
		dirs[dir] = o.dir
		declared = append(declared, rules.LocalSource{Name: name, Dir: dir, Version: o.version(ctx, loader)})
		change := analyze.Override{Target: o.target.Label(), Value: at, By: o.flag}
		if o.target.Label() != o.sources {
			change.Attr = rules.SourceAttribute
		}
		changes = append(changes, change)
	}
	return changes, loader.Workspace().AddAssembled(overridesRepo, workspace.Assembled{
		BuildFile: rules.LocalSources(declared),
		Dirs:      dirs,
	})
}

// version is that of the sources, as far as it is known before analysis.
func (o *sourceOverride) version(ctx context.Context, loader *load.Loader) string {
	t, err := actual(ctx, loader, o.sources)
	if err != nil || t.IsSource() {
		return ""
	}
	v, _ := t.Text("version")
	return v
}

// packageFinder finds packages by name.
type packageFinder struct {
	ctx    context.Context
	loader *load.Loader
	base   label.Label
	roots  func() ([]label.Label, error)

	all []*load.Target // that the roots need and that have sources; nil until a name is looked up
}

func (f *packageFinder) resolve(o *sourceOverride) error {
	if strings.ContainsAny(o.name, "/:@") {
		return f.resolveLabel(o)
	}
	if f.all == nil {
		if err := f.collect(); err != nil {
			return err
		}
	}
	var names []string
	for _, t := range f.all {
		names = append(names, t.Label().Name())
		if t.Label().Name() != o.name {
			continue
		}
		if o.target != nil {
			p := diag.Errorf(diag.Position{}, o.flag, "%s and %s have this name", o.target.Label(), t.Label())
			p.Hint = fmt.Sprintf("say which: %s %s=DIR", overrideSource, t.Label())
			return &usageError{p}
		}
		o.target, o.sources = t, sourcesOf(t)
	}
	if o.target != nil {
		return nil
	}
	p := diag.Errorf(diag.Position{}, o.flag, "no package %s is needed by what was asked for", o.name)
	p.Hint = star.DidYouMean(label.Nearest(o.name, names))
	return &usageError{p}
}

func (f *packageFinder) resolveLabel(o *sourceOverride) error {
	at, err := label.Parse(o.name, f.base)
	if err != nil {
		return usagef("%s: %w", o.flag, err)
	}
	if o.target, err = actual(f.ctx, f.loader, at); err != nil {
		return err
	}
	if o.sources = sourcesOf(o.target); o.sources.IsZero() {
		return usagef("%s: %s, a %s, is neither compiled from sources nor sources", o.flag, o.target.Label(), o.target.Kind())
	}
	return nil
}

// collect walks all that the roots may need, whatever the platform.
func (f *packageFinder) collect() error {
	queue, err := f.roots()
	if err != nil {
		return err
	}
	seen := map[label.Label]bool{}
	f.all = []*load.Target{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		t, err := f.loader.Target(f.ctx, at)
		if err != nil {
			return err
		}
		if sources := sourcesOf(t); !sources.IsZero() && sources != t.Label() {
			f.all = append(f.all, t)
		}
		queue = append(queue, t.Deps()...)
	}
	return nil
}

// sourcesOf is what a package is compiled from, the label of t itself if that is
// sources, and else zero.
func sourcesOf(t *load.Target) label.Label {
	if t.IsSource() {
		return label.Label{}
	}
	isSources := func(p *star.Provider) bool { return p.Name() == rules.SourceProvider }
	if slices.ContainsFunc(t.Rule().Provides(), isSources) {
		return t.Label()
	}
	attr := t.Rule().Attribute(rules.SourceAttribute)
	if attr == nil {
		return label.Label{}
	}
	takesSources, _ := attr.Accepts(isSources)
	takesAll, _ := attr.Accepts(func(*star.Provider) bool { return false })
	if takesAll || !takesSources {
		return label.Label{}
	}
	var found label.Label
	star.Labels(t.Attribute(rules.SourceAttribute), func(l label.Label) { found = l })
	return found
}
