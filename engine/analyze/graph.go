package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// key names a configured target. Source files have the zero configuration: they
// are the same for all.
type key struct {
	label  label.Label
	config platform.Configuration
}

func (k key) compare(l key) int { return cmp.Or(k.label.Compare(l.label), k.config.Compare(l.config)) }

// node is a configured target on its way through the analysis. Its fields are
// written by the goroutine that reached it first, then by the one that runs it.
type node struct {
	key
	target     *load.Target
	values     starlark.StringDict      // attributes, selects chosen
	deps       map[string][]*dependency // by attribute, in the order of star.Labels
	toolchains []*toolchain             // in the order of Rule.Toolchains
	problems   diag.List                // met while reaching out

	actions    []*action.Action
	test       *action.Action // of a test
	executable *action.Action // of a target that can be run
	declared   []*declared
	result     *ConfiguredTarget // nil until run; stays nil when that fails
}

// dependency is one edge of the graph.
type dependency struct {
	node     *node // nil when problems says why
	problems diag.List
}

// grower finds the graph, each edge on a goroutine of its own: most of them wait
// for files.
type grower struct {
	*analysis
	group sync.WaitGroup
}

// grow finds all configured targets that the requested ones need.
func (a *analysis) grow(ctx context.Context, targets []*load.Target) []*dependency {
	g := &grower{analysis: a}
	roots := make([]*dependency, len(targets))
	for i, t := range targets {
		roots[i] = &dependency{}
		g.group.Go(func() { g.reach(ctx, roots[i], nil, "", t.Label(), a.config) })
	}
	g.group.Wait()
	return roots
}

// reach finds the node that a label means in a configuration, and grows it if it
// is new. from and attr are where the label was written; from is nil for a
// requested target.
func (g *grower) reach(ctx context.Context, d *dependency, from *load.Target, attr string, at label.Label, config platform.Configuration) {
	t, err := g.follow(ctx, from, attr, at, config)
	if err != nil {
		d.problems.Add(err)
		return
	}
	if config, err = g.incoming(ctx, t, config); err != nil {
		d.problems.Add(err)
		return
	}
	n, first := g.claim(t, config)
	d.node = n
	if first {
		g.expand(ctx, n)
	}
}

// claim finds or makes the node of a target; first tells the maker.
func (a *analysis) claim(t *load.Target, config platform.Configuration) (n *node, first bool) {
	if t.IsSource() {
		config = platform.Configuration{}
	}
	k := key{t.Label(), config}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, ok := a.nodes[k]; ok {
		return n, false
	}
	n = &node{key: k, target: t, deps: map[string][]*dependency{}}
	a.nodes[k] = n
	return n, true
}

// follow is the target that a label means, through aliases.
func (a *analysis) follow(ctx context.Context, from *load.Target, attr string, at label.Label, config platform.Configuration) (*load.Target, error) {
	var chain []string
	for {
		chain = append(chain, at.String())
		t, err := a.loader.Target(ctx, at)
		if err != nil {
			return nil, a.blame(from, attr, at, err)
		}
		if err := a.checkVisible(from, attr, t); err != nil {
			return nil, err
		}
		if by, ok := a.overrides.replacement(t.Label()); ok && !slices.Contains(chain, by.String()) {
			from, attr, at = nil, "", by
			continue
		}
		if t.IsSource() || t.Rule().Name() != star.Alias || !t.Rule().Builtin() {
			return t, nil
		}
		if slices.Contains(chain[:len(chain)-1], at.String()) {
			return nil, a.problem(t, "actual", "dependency cycle: %s", strings.Join(chain, " -> "))
		}
		actual, err := a.choose(ctx, t, "actual", config)
		if err != nil {
			return nil, err
		}
		from, attr, at = t, "actual", actual.(star.Label).Label
	}
}

// blame says who asked for what could not be loaded. A problem that has a place
// of its own speaks for itself.
func (a *analysis) blame(from *load.Target, attr string, at label.Label, err error) error {
	var p *diag.Problem
	var list diag.List
	if from == nil || errors.As(err, &list) || !errors.As(err, &p) || p.Position.File != "" {
		return err
	}
	text := p.Subject + ": " + p.Text
	if attr != "" {
		text = fmt.Sprintf("attribute %q: %s", attr, text)
	}
	q := a.labelProblem(from, attr, at, "%s", text)
	q.Notes, q.Hint, q.Cause = p.Notes, p.Hint, p.Cause
	return q
}

func (a *analysis) checkVisible(from *load.Target, attr string, t *load.Target) error {
	if from == nil || from.MayUse(t) || implicit(from, attr, t) || a.asked(from, attr) {
		return nil
	}
	p := a.labelProblem(from, attr, t.Label(), "%s is not visible from %s", t.Label(), from.Label().Directory())
	p.Notes = []string{fmt.Sprintf("%s is visible to %s, declared at %s", t.Label(), t.Visibility(), t.Position())}
	if t.IsSource() {
		p.Notes = []string{fmt.Sprintf("a source file is for its own build directory until %s exports it: exports_files([%q])", t.Label().Directory(), t.Label().Name())}
	}
	return p
}

// implicit reports whether the rule, not the target, chose t: then it is the
// rule's directory that must see it.
func implicit(from *load.Target, attr string, t *load.Target) bool {
	return strings.HasPrefix(attr, "_") && t.VisibleFrom(from.Rule().File())
}

// asked reports whether it is not the target but an override that chose what an
// attribute names: then nobody must be allowed to, as with targets to build.
func (a *analysis) asked(from *load.Target, attr string) bool {
	return len(a.overrides[from.Label()][attr]) > 0
}

// incoming is the configuration of a target whose dependents have config.
func (a *analysis) incoming(ctx context.Context, t *load.Target, config platform.Configuration) (platform.Configuration, error) {
	if t.IsSource() || t.Rule().Transition() == nil {
		return config, nil
	}
	values, problems := a.resolve(ctx, t, config)
	if err := problems.Err(); err != nil {
		return config, err
	}
	return a.transit(ctx, t, t.Rule().Transition(), values, config)
}

// transit applies a transition of t.
func (a *analysis) transit(ctx context.Context, t *load.Target, tr *star.Transition, values starlark.StringDict, config platform.Configuration) (platform.Configuration, error) {
	thread, release := star.NewThread(ctx, t.Label().String(), a.env)
	defer release()
	to, err := tr.Apply(thread, config.Target(), newRecord("attr", values), t.Label())
	if err != nil {
		return config, a.implementationProblems(t, err).Err()
	}
	p, err := a.platforms.platform(ctx, to)
	if err != nil {
		return config, a.blame(t, "", to, err)
	}
	return config.For(p.Label()), nil
}

// expand reaches out for all that a node depends on.
func (g *grower) expand(ctx context.Context, n *node) {
	if n.target.IsSource() {
		return
	}
	values, problems := g.resolve(ctx, n.target, n.config)
	n.values, n.problems = values, problems
	if len(problems) > 0 {
		return
	}
	for _, name := range n.target.Attributes() {
		if attr := n.target.Rule().Attribute(name); attr.Depends() {
			g.expandAttribute(ctx, n, name, attr)
		}
	}
	g.expandToolchains(ctx, n)
}

func (g *grower) expandAttribute(ctx context.Context, n *node, name string, attr *star.Attr) {
	config, err := g.outgoing(ctx, n, attr)
	if err != nil {
		n.problems.Add(err)
		return
	}
	star.Labels(n.values[name], func(at label.Label) {
		d := &dependency{}
		n.deps[name] = append(n.deps[name], d)
		g.group.Go(func() { g.reach(ctx, d, n.target, name, at, config) })
	})
}

// outgoing is the configuration in which an attribute wants its dependencies.
func (a *analysis) outgoing(ctx context.Context, n *node, attr *star.Attr) (platform.Configuration, error) {
	switch {
	case attr.Exec():
		return n.config.ForExec(), nil
	case attr.Transition() != nil:
		return a.transit(ctx, n.target, attr.Transition(), n.values, n.config)
	}
	return n.config, nil
}

// edges are all dependencies of a node, in a fixed order.
func (n *node) edges() []*dependency {
	var all []*dependency
	if n.target.IsSource() {
		return nil
	}
	for _, name := range n.target.Attributes() {
		all = append(all, n.deps[name]...)
	}
	for _, t := range n.toolchains {
		all = append(all, &t.dependency)
	}
	return all
}

// sort orders the nodes that can be run, dependencies first, and collects the
// problems of the others. The order depends on nothing but the targets.
func (a *analysis) sort(roots []*dependency) ([]*node, diag.List) {
	s := sorter{analysis: a, state: map[*node]int{}}
	for _, r := range roots {
		s.visit(r)
	}
	return s.order, s.problems
}

type sorter struct {
	*analysis
	state    map[*node]int // entered or left
	stack    []*node       // entered and not left
	order    []*node
	problems diag.List
}

const (
	entered = 1 + iota
	left
)

func (s *sorter) visit(d *dependency) {
	s.problems = append(s.problems, d.problems...)
	n := d.node
	if n == nil || s.state[n] == left {
		return
	}
	if s.state[n] == entered {
		s.problems = append(s.problems, s.cycle(n))
		return
	}
	s.state[n] = entered
	s.stack = append(s.stack, n)
	s.problems = append(s.problems, n.problems...)
	for _, e := range n.edges() {
		s.visit(e)
	}
	s.stack = s.stack[:len(s.stack)-1]
	s.state[n] = left
	s.order = append(s.order, n)
}

// cycle tells the circle that closes at n, from its smallest label on.
func (s *sorter) cycle(n *node) *diag.Problem {
	circle := slices.Clone(s.stack[slices.Index(s.stack, n):])
	first := 0
	for i, m := range circle {
		if m.compare(circle[first].key) < 0 {
			first = i
		}
	}
	circle = slices.Concat(circle[first:], circle[:first])
	var names []string
	for _, m := range circle {
		names = append(names, m.label.String())
	}
	p := s.problem(circle[0].target, "", "dependency cycle: %s", strings.Join(append(names, names[0]), " -> "))
	for _, m := range circle[1:] {
		p.Notes = append(p.Notes, fmt.Sprintf("%s is declared at %s", m.label, m.target.Position()))
	}
	if len(circle) == 1 && s.loader.HidesSource(n.target) {
		p.Hint = fmt.Sprintf("the target hides the source %s; give one of them another name", n.label.Path())
	}
	return p
}
