package query

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/label"
)

// function is one of the language's functions.
type function struct {
	name   string
	params []param
	eval   func(ctx context.Context, e *evaluation, args []value) (targets, error)
}

// param is a parameter; optional ones come last.
type param struct {
	name     string
	kind     paramKind
	optional bool
}

type paramKind int

const (
	paramExpression paramKind = iota
	paramWord
	paramRegexp
	paramInt
)

func (k paramKind) String() string {
	return [...]string{"an expression", "a word", "a regular expression", "a whole number"}[k]
}

// argument is what a query gives for a parameter. The parameter's kind says which
// field counts.
type argument struct {
	expression expression
	word       string
	pattern    *regexp.Regexp
	number     int
	at         int
}

// value is an argument with its expression evaluated.
type value struct {
	argument
	targets targets
}

// String is the function as its documentation writes it: "deps(x, depth?)".
func (f *function) String() string {
	var names []string
	for _, p := range f.params {
		name := p.name
		if p.optional {
			name += "?"
		}
		names = append(names, name)
	}
	return f.name + "(" + strings.Join(names, ", ") + ")"
}

// word makes an argument of a word.
func (p *parser) word(k paramKind, t token) (argument, error) {
	a := argument{word: t.text, at: t.at}
	if k == paramWord {
		return a, nil
	}
	pattern, err := regexp.Compile(t.text)
	if err != nil {
		return argument{}, p.problem(t, "regular expression %q: %w", t.text, err)
	}
	a.pattern = pattern
	return a, nil
}

var (
	targetsParam = param{name: "x", kind: paramExpression}
	depthParam   = param{name: "depth", kind: paramInt, optional: true}
	regexpParam  = param{name: "regexp", kind: paramRegexp}
	attrParam    = param{name: "attribute", kind: paramWord}
)

// functions is the language's functions by name.
var functions = byName([]*function{
	{"allpaths", []param{{name: "from", kind: paramExpression}, {name: "to", kind: paramExpression}}, allpaths},
	{"attr", []param{attrParam, regexpParam, targetsParam}, attr},
	{"buildfiles", []param{targetsParam}, buildfiles},
	{"deps", []param{targetsParam, depthParam}, deps},
	{"filter", []param{regexpParam, targetsParam}, filter},
	{"kind", []param{regexpParam, targetsParam}, ofKind},
	{"labels", []param{attrParam, targetsParam}, labels},
	{"rdeps", []param{{name: "universe", kind: paramExpression}, targetsParam, depthParam}, rdeps},
	{"siblings", []param{targetsParam}, siblings},
	{"some", []param{targetsParam, {name: "count", kind: paramInt, optional: true}}, some},
	{"somepath", []param{{name: "from", kind: paramExpression}, {name: "to", kind: paramExpression}}, somepath},
})

func byName(list []*function) map[string]*function {
	table := map[string]*function{}
	for _, f := range list {
		table[f.name] = f
	}
	return table
}

// number is an optional last argument.
func number(args []value, at, otherwise int) int {
	if at < len(args) {
		return args[at].number
	}
	return otherwise
}

const noLimit = -1

func deps(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.reach(ctx, args[0].targets, number(args, 1, noLimit), e.graph.Deps)
}

func rdeps(ctx context.Context, e *evaluation, args []value) (targets, error) {
	universe, err := e.reach(ctx, args[0].targets, noLimit, e.graph.Deps)
	if err != nil {
		return nil, err
	}
	return e.reachBack(ctx, universe, args[1].targets, number(args, 2, noLimit))
}

// allpaths is all targets on any path: what from depends on and what depends on
// to.
func allpaths(ctx context.Context, e *evaluation, args []value) (targets, error) {
	below, err := e.reach(ctx, args[0].targets, noLimit, e.graph.Deps)
	if err != nil {
		return nil, err
	}
	return e.reachBack(ctx, below, args[1].targets, noLimit)
}

func somepath(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.path(ctx, args[0].targets, args[1].targets)
}

func filter(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.where(ctx, args[1].targets, func(l label.Label) (bool, error) {
		return args[0].pattern.MatchString(l.String()), nil
	})
}

func ofKind(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.where(ctx, args[1].targets, func(l label.Label) (bool, error) {
		kind, err := e.graph.Kind(ctx, l)
		return args[0].pattern.MatchString(kind), err
	})
}

func attr(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.where(ctx, args[2].targets, func(l label.Label) (bool, error) {
		value, ok, err := e.graph.Attr(ctx, l, args[0].word)
		return ok && args[1].pattern.MatchString(value), err
	})
}

func labels(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.each(ctx, args[1].targets, func(l label.Label) ([]label.Label, error) {
		return e.graph.AttrLabels(ctx, l, args[0].word)
	})
}

func buildfiles(ctx context.Context, e *evaluation, args []value) (targets, error) {
	return e.each(ctx, args[0].targets, func(l label.Label) ([]label.Label, error) {
		file, err := e.graph.BuildFile(ctx, l)
		return []label.Label{file}, err
	})
}

// siblings is all targets of the build directories of x.
func siblings(ctx context.Context, e *evaluation, args []value) (targets, error) {
	dirs := map[string]bool{}
	return e.each(ctx, args[0].targets, func(l label.Label) ([]label.Label, error) {
		file, err := e.graph.BuildFile(ctx, l)
		if err != nil || dirs[file.Directory()] {
			return nil, err
		}
		dirs[file.Directory()] = true
		return e.graph.Expand(ctx, file.Directory()+":all")
	})
}

// some is the first targets by name. Of none there cannot be some.
func some(ctx context.Context, e *evaluation, args []value) (targets, error) {
	list := args[0].targets.sorted()
	if len(list) == 0 {
		return nil, e.problem(args[0].at, "some: there are no targets to choose from")
	}
	found := targets{}
	for _, l := range list[:min(len(list), number(args, 1, 1))] {
		found.add(l)
	}
	return found, nil
}

func (t targets) sorted() []label.Label {
	list := make([]label.Label, 0, len(t))
	for l := range t {
		list = append(list, l)
	}
	slices.SortFunc(list, label.Label.Compare)
	return list
}
