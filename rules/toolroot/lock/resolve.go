package lock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pault.ag/go/debian/dependency"
	"pault.ag/go/debian/version"

	"github.com/kittyhawk/appliance/engine/label"
)

// Request is what somebody wants to have locked.
type Request struct {
	Arch    string
	Wanted  []string // package names
	Exclude []string // packages that are cut off, with what only they need
}

// candidate is a package that could be taken.
type candidate struct {
	Package
	mirror   string
	version  version.Version
	provides []dependency.Possibility
}

// universe is all candidates: of each name the highest version, which is the one
// of the first index that has it.
type universe struct {
	byName    map[string]*candidate
	providers map[string][]*candidate // by virtual name; sorted by name
}

// resolver is a closure under construction.
type resolver struct {
	universe
	request  Request
	excluded map[string]bool
	chosen   map[string]*candidate
	parent   map[string]string // who has brought a chosen package; "" for the wanted
	queue    []*candidate
	problems []error
}

// Resolve finds the packages that the wanted ones need. Of alternatives the first
// one that is there is taken, unless another one is chosen already; of several
// providers of a virtual name, the first by name. All problems are reported, each
// with the chain of packages that led to it.
func Resolve(indexes []*Index, request Request) (*Lock, error) {
	u, err := newUniverse(indexes, request.Arch)
	if err != nil {
		return nil, err
	}
	r := &resolver{
		universe: u,
		request:  request,
		excluded: map[string]bool{},
		chosen:   map[string]*candidate{},
		parent:   map[string]string{},
	}
	r.exclude()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(request.Wanted))) {
		r.want(name)
	}
	for len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.need(next)
	}
	if err := errors.Join(r.problems...); err != nil {
		return nil, err
	}
	return newLock(indexes, request, r.chosen), nil
}

func newUniverse(indexes []*Index, arch string) (universe, error) {
	u := universe{map[string]*candidate{}, map[string][]*candidate{}}
	for _, index := range indexes {
		for _, p := range index.Packages {
			if p.Arch != arch && p.Arch != "all" {
				continue
			}
			v, err := version.Parse(p.Version)
			if err != nil {
				return u, fmt.Errorf("package %s: version %q: %w", p.Name, p.Version, err)
			}
			if there := u.byName[p.Name]; there == nil || version.Compare(v, there.version) > 0 {
				u.byName[p.Name] = &candidate{Package: p, mirror: index.Source.Mirror, version: v}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.byName)) {
		if err := u.provide(u.byName[name]); err != nil {
			return u, err
		}
	}
	return u, nil
}

// provide enters the virtual names of c.
func (u universe) provide(c *candidate) error {
	relations, err := parseRelations(c, "Provides", c.Provides)
	if err != nil {
		return err
	}
	for _, r := range relations {
		for _, p := range r.Possibilities {
			c.provides = append(c.provides, p)
			u.providers[p.Name] = append(u.providers[p.Name], c)
		}
	}
	return nil
}

func parseRelations(c *candidate, field, text string) ([]dependency.Relation, error) {
	if text == "" {
		return nil, nil
	}
	d, err := dependency.Parse(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("package %s: %s: %w", c.Name, field, err)
	}
	return d.Relations, nil
}

func (r *resolver) exclude() {
	for _, name := range r.request.Exclude {
		r.excluded[name] = true
		if r.byName[name] == nil && len(r.providers[name]) == 0 {
			r.problems = append(r.problems, fmt.Errorf("exclude: %w", r.missing(name)))
		}
		if slices.Contains(r.request.Wanted, name) {
			r.problems = append(r.problems, fmt.Errorf("package %s is wanted and excluded", name))
		}
	}
}

func (r *resolver) want(name string) {
	c := r.byName[name]
	switch {
	case c != nil:
		r.choose(c, "")
	case len(r.providers[name]) > 0:
		r.problems = append(r.problems, fmt.Errorf("package %q is virtual; want one of those that provide it: %s", name, names(r.providers[name])))
	default:
		r.problems = append(r.problems, r.missing(name))
	}
}

func (r *resolver) missing(name string) error {
	all := slices.Sorted(maps.Keys(r.byName))
	if near := label.Nearest(name, all); near != "" {
		return fmt.Errorf("no package %q in the indices; did you mean %q?", name, near)
	}
	return fmt.Errorf("no package %q in the indices", name)
}

func names(list []*candidate) string {
	s := make([]string, len(list))
	for i, c := range list {
		s[i] = c.Name
	}
	return strings.Join(s, ", ")
}

func (r *resolver) choose(c *candidate, parent string) {
	if r.chosen[c.Name] != nil {
		return
	}
	r.chosen[c.Name] = c
	r.parent[c.Name] = parent
	r.queue = append(r.queue, c)
}

// need takes what c depends on.
func (r *resolver) need(c *candidate) {
	for _, f := range []struct{ name, text string }{{"Pre-Depends", c.PreDepends}, {"Depends", c.Depends}} {
		relations, err := parseRelations(c, f.name, f.text)
		if err != nil {
			r.problems = append(r.problems, err)
			continue
		}
		for _, relation := range relations {
			r.satisfy(c, relation)
		}
	}
}

// satisfy takes the first alternative that there is, unless one is chosen or cut
// off already.
func (r *resolver) satisfy(c *candidate, relation dependency.Relation) {
	for _, p := range relation.Possibilities {
		if r.isCut(p) || r.isChosen(p) {
			return
		}
	}
	for _, p := range relation.Possibilities {
		for _, taker := range r.takers(p) {
			r.choose(taker, c.Name)
			return
		}
	}
	r.problems = append(r.problems, r.unsatisfied(c, relation))
}

// isCut reports whether the request does without p.
func (r *resolver) isCut(p dependency.Possibility) bool {
	if r.excluded[p.Name] {
		return true
	}
	return slices.ContainsFunc(r.providers[p.Name], func(c *candidate) bool { return r.excluded[c.Name] && c.gives(p) })
}

func (r *resolver) isChosen(p dependency.Possibility) bool {
	if c := r.chosen[p.Name]; c != nil && r.suits(c, p) {
		return true
	}
	return slices.ContainsFunc(r.providers[p.Name], func(c *candidate) bool { return r.chosen[c.Name] != nil && c.gives(p) })
}

// takers are the packages that satisfy p: the one of that name, then providers.
func (r *resolver) takers(p dependency.Possibility) []*candidate {
	var list []*candidate
	if c := r.byName[p.Name]; c != nil && r.suits(c, p) {
		list = append(list, c)
	}
	for _, c := range r.providers[p.Name] {
		if c.gives(p) {
			list = append(list, c)
		}
	}
	return list
}

// suits compares version and architecture of the package that p names. The
// qualifiers any and native are what every package of ours is.
func (r *resolver) suits(c *candidate, p dependency.Possibility) bool {
	if p.Arch != nil && !slices.Contains([]string{"any", "native", "all", r.request.Arch}, p.Arch.CPU) {
		return false
	}
	return p.Version == nil || p.Version.SatisfiedBy(c.version)
}

// gives reports whether c provides p. Policy 7.5: a relation with a version wants
// a provided version.
func (c *candidate) gives(p dependency.Possibility) bool {
	for _, given := range c.provides {
		if given.Name != p.Name {
			continue
		}
		if p.Version == nil {
			return true
		}
		if given.Version == nil {
			continue
		}
		if v, err := version.Parse(given.Version.Number); err == nil && p.Version.SatisfiedBy(v) {
			return true
		}
	}
	return false
}

// unsatisfied names the chain that leads to c, and what there is instead.
func (r *resolver) unsatisfied(c *candidate, relation dependency.Relation) error {
	chain := []string{c.Name}
	for up := r.parent[c.Name]; up != ""; up = r.parent[up] {
		chain = append(chain, up)
	}
	slices.Reverse(chain)
	var there []string
	for _, p := range relation.Possibilities {
		if other := r.byName[p.Name]; other != nil {
			there = append(there, other.Name+" "+other.Version)
		}
	}
	have := "nothing of that name"
	if len(there) > 0 {
		have = strings.Join(there, ", ")
	}
	return fmt.Errorf("%s %s depends on %s, and the indices have %s; the chain is %s",
		c.Name, c.Version, text(relation), have, strings.Join(chain, " -> "))
}

// text is a relation as control files have it.
func text(relation dependency.Relation) string {
	alternatives := make([]string, len(relation.Possibilities))
	for i, p := range relation.Possibilities {
		alternatives[i] = p.Name
		if p.Version != nil {
			alternatives[i] += fmt.Sprintf(" (%s %s)", p.Version.Operator, p.Version.Number)
		}
	}
	return strings.Join(alternatives, " | ")
}
