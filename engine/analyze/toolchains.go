package analyze

import (
	"context"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/platform"
	"github.com/kittyhawk/appliance/engine/star"
)

// registry is all toolchains that were registered, in order of preference: those
// of the main workspace, of its layers, of theirs, of the program.
type registry []candidate

// candidate is one toolchain() declaration.
type candidate struct {
	target       *load.Target
	kind         label.Label // its toolchain_type
	toolchain    label.Label
	exec, output []platform.Constraint
}

// toolchain is what a rule's toolchain type was resolved to.
type toolchain struct {
	dependency
	kind label.Label // as the rule wrote it
}

func newRegistry(ctx context.Context, a *analysis) (registry, error) {
	repos, err := a.loader.Repos(ctx)
	if err != nil {
		return nil, err
	}
	var all registry
	var problems diag.List
	for _, repo := range repos {
		settings, err := a.loader.RepoSettings(ctx, repo)
		if err != nil {
			problems.Add(err)
			continue
		}
		for _, pattern := range settings.Toolchains {
			found, err := a.candidates(ctx, pattern)
			problems.Add(err)
			all = append(all, found...)
		}
	}
	return all, problems.Err()
}

func (a *analysis) candidates(ctx context.Context, pattern label.Pattern) ([]candidate, error) {
	targets, err := a.loader.Expand(ctx, pattern)
	if err != nil {
		return nil, fmt.Errorf("workspace: toolchains: %w", err)
	}
	_, single := pattern.Single()
	var all []candidate
	for _, t := range targets {
		if !is(t, star.Toolchain) {
			if single {
				return nil, fmt.Errorf("workspace: toolchains: %s: got a %s, want a toolchain", t.Label(), t.Kind())
			}
			continue
		}
		c, err := a.candidate(ctx, t)
		if err != nil {
			return nil, a.blame(t, "", t.Label(), err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (a *analysis) candidate(ctx context.Context, t *load.Target) (c candidate, err error) {
	kind, err := a.platforms.declaration(ctx, t.Attribute("toolchain_type").(star.Label).Label, star.ToolchainType)
	if err != nil {
		return c, err
	}
	c = candidate{target: t, kind: kind.Label(), toolchain: t.Attribute("toolchain").(star.Label).Label}
	if c.exec, err = a.platforms.constraints(ctx, labelsOf(t, "exec_compatible_with")); err != nil {
		return c, err
	}
	c.output, err = a.platforms.constraints(ctx, labelsOf(t, "target_compatible_with"))
	return c, err
}

// expandToolchains resolves the toolchain types of a node's rule.
func (g *grower) expandToolchains(ctx context.Context, n *node) {
	for _, kind := range n.target.Rule().Toolchains() {
		c, err := g.pick(ctx, n, kind)
		if err != nil {
			n.problems.Add(err)
			continue
		}
		t := &toolchain{kind: kind}
		n.toolchains = append(n.toolchains, t)
		// Registering a toolchain makes it usable everywhere: like an implicit
		// dependency of the declaration, not of the target.
		g.group.Go(func() { g.reach(ctx, &t.dependency, c.target, "toolchain", c.toolchain, n.config) })
	}
}

// pick is the first candidate of a kind that fits the platforms of n.
func (a *analysis) pick(ctx context.Context, n *node, kind label.Label) (candidate, error) {
	declared, err := a.platforms.declaration(ctx, kind, star.ToolchainType)
	if err != nil {
		return candidate{}, a.blame(n.target, "", kind, err)
	}
	output, err := a.platforms.of(ctx, n.config.Target())
	if err != nil {
		return candidate{}, a.blame(n.target, "", kind, err)
	}
	exec, err := a.platforms.of(ctx, n.config.Exec())
	if err != nil {
		return candidate{}, a.blame(n.target, "", kind, err)
	}
	var notes []string
	for _, c := range a.registry {
		if c.kind != declared.Label() {
			continue
		}
		why := append(misses("target", output, c.output), misses("exec", exec, c.exec)...)
		if len(why) == 0 {
			return c, nil
		}
		notes = append(notes, fmt.Sprintf("%s does not fit: %s", c.target.Label(), strings.Join(why, "; ")))
	}
	if len(notes) == 0 {
		notes = []string{"no toolchain of this type is registered; see workspace(toolchains = ...)"}
	}
	p := a.problem(n.target, "", "no toolchain of type %s for %s", declared.Label(), n.config)
	p.Notes = notes
	return candidate{}, p
}

// misses says which constraints a platform does not have.
func misses(which string, p *platform.Platform, constraints []platform.Constraint) []string {
	var why []string
	for _, c := range p.Missing(constraints) {
		why = append(why, fmt.Sprintf("the %s platform %s lacks %s", which, platform.NewConfiguration(p.Label(), label.Label{}), c.Value))
	}
	return why
}

// toolchains is the value ctx.toolchains.
type toolchains struct {
	node *node
}

var _ starlark.Mapping = toolchains{}

func (t toolchains) String() string        { return "<toolchains of " + t.node.label.String() + ">" }
func (t toolchains) Type() string          { return "toolchains" }
func (t toolchains) Freeze()               {}
func (t toolchains) Truth() starlark.Bool  { return len(t.node.toolchains) > 0 }
func (t toolchains) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: toolchains") }

// Get finds the ToolchainInfo for a type. A string is relative to the rule's
// file.
func (t toolchains) Get(k starlark.Value) (starlark.Value, bool, error) {
	l, err := star.ParseLabel(k, t.node.target.Rule().File())
	if err != nil {
		return nil, false, err
	}
	for _, tc := range t.node.toolchains {
		if tc.kind != l {
			continue
		}
		info := tc.node.result.Provider(star.ToolchainInfo)
		if info == nil {
			return nil, false, fmt.Errorf("toolchain %s gives no ToolchainInfo", tc.node.label)
		}
		return info, true, nil
	}
	return nil, false, fmt.Errorf("the rule %s did not ask for toolchains = [%q]", t.node.target.Rule().Name(), l)
}
