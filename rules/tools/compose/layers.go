package compose

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// lay puts one layer into the file system.
func (r *root) lay(ctx context.Context, src tree.Source, l layer, top tree.Node, names owners) error {
	rules, err := l.inodes(ctx, src, top, names, func(in *inode) { r.put(in, matchesAny(l.Replace, in)) })
	if err != nil {
		return err
	}
	rules.complain(r, l.Origin)
	return nil
}

// inodes calls use with all that lies in a layer, and returns its rules, which
// know what they have matched.
func (l layer) inodes(ctx context.Context, src tree.Source, top tree.Node, names owners, use func(*inode)) (*ruleSet, error) {
	at := strings.Trim(l.Path, "/")
	if at != "" {
		if err := checkClean(at); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Origin, err)
		}
	}
	defaults, err := l.defaults(names)
	if err != nil {
		return nil, err
	}
	rules := newRuleSet(l.Rules)
	return rules, tree.Walk(ctx, src, top, func(p string, n tree.Node) error {
		p = path.Join(at, p)
		if p == "" {
			return nil
		}
		in := defaults.inode(p, n)
		if err := rules.apply(in, names); err != nil {
			return err
		}
		use(in)
		return nil
	})
}

// defaults are what a layer gives to inodes that no rule says more about.
type defaults struct {
	origin              string
	file, program, dirs uint32
	uid, gid            uint32
	declared            bool // the layer names an owner or modes of its own
}

func (l layer) defaults(names owners) (defaults, error) {
	d := defaults{origin: l.Origin, declared: l.Owner != ""}
	var err error
	if d.file, err = parseMode(l.FileMode, 0o644); err != nil {
		return d, err
	}
	if d.program, err = parseMode(l.ProgramMode, 0o755); err != nil {
		return d, err
	}
	if d.dirs, err = parseMode(l.DirMode, 0o755); err != nil {
		return d, err
	}
	if l.Owner != "" {
		d.uid, d.gid, err = names.parse(l.Owner)
	}
	return d, err
}

func (d defaults) inode(p string, n tree.Node) *inode {
	e := manifest.Entry{Path: p, UID: d.uid, GID: d.gid, Origin: d.origin}
	switch n.Kind {
	case tree.Dir:
		e.Type, e.Mode = manifest.Directory, d.dirs
	case tree.Symlink:
		e.Type, e.Mode, e.Target = manifest.Symlink, 0o777, n.Target
	case tree.File:
		e.Type, e.Mode, e.Digest = manifest.File, d.file, n.Digest
		if n.Executable {
			e.Mode = d.program
		}
	}
	return &inode{entry: e, node: n, declared: d.declared && n.Kind != tree.Dir}
}

// parseMode reads an octal mode; "" is otherwise.
func parseMode(s string, otherwise uint32) (uint32, error) {
	if s == "" {
		return otherwise, nil
	}
	m, err := strconv.ParseUint(s, 8, 32)
	if err != nil || m > 0o7777 {
		return 0, fmt.Errorf("mode %q: want octal digits up to 7777", s)
	}
	return uint32(m), nil
}

// ruleSet applies rules and remembers which have matched.
type ruleSet struct {
	rules   []rule
	matched []bool
}

func newRuleSet(rules []rule) *ruleSet { return &ruleSet{rules, make([]bool, len(rules))} }

// apply lets every rule change in, in order.
func (s *ruleSet) apply(in *inode, names owners) error {
	for i, r := range s.rules {
		if !matches(r.Pattern, in) {
			continue
		}
		s.matched[i] = true
		if err := r.change(in, names); err != nil {
			return fmt.Errorf("rule for %q: %w", r.Pattern, err)
		}
	}
	return nil
}

// complain reports the rules that have matched nothing: most are mistyped.
func (s *ruleSet) complain(r *root, origin string) {
	for i, rule := range s.rules {
		if !s.matched[i] {
			r.complain("", "%s: the rule for %q matches nothing%s", origin, rule.Pattern, directoryHint(r, rule.Pattern))
		}
	}
}

// directoryHint says so where a pattern would match directories if it ended in
// a slash.
func directoryHint(r *root, pattern string) string {
	for _, in := range r.inodes {
		if in.entry.Type == manifest.Directory && matches(pattern+"/", in) {
			return "; a pattern for directories ends in a slash"
		}
	}
	return ""
}

func (r rule) change(in *inode, names owners) (err error) {
	in.declared = true
	if r.Mode != "" && in.entry.Type != manifest.Symlink {
		if in.entry.Mode, err = parseMode(r.Mode, 0); err != nil {
			return err
		}
	}
	if r.Owner != "" {
		if in.entry.UID, in.entry.GID, err = names.parse(r.Owner); err != nil {
			return err
		}
	}
	in.entry.Xattrs = withXattrs(in.entry.Xattrs, r.Xattrs)
	return nil
}

func withXattrs(have []manifest.Xattr, add map[string]string) []manifest.Xattr {
	if len(add) == 0 {
		return have
	}
	merged := map[string]string{}
	for _, x := range have {
		merged[x.Name] = string(x.Value)
	}
	for name, value := range add {
		merged[name] = value
	}
	return sortedXattrs(merged)
}

// matches reports whether a pattern means in; see arguments.
func matches(pattern string, in *inode) bool {
	pattern = strings.TrimPrefix(pattern, "/")
	if !strings.ContainsAny(pattern, "*?[{\\") {
		return strings.TrimSuffix(pattern, "/") == in.entry.Path
	}
	pattern, directories := strings.CutSuffix(pattern, "/")
	if directories != (in.entry.Type == manifest.Directory) {
		return false
	}
	ok, err := doublestar.Match(pattern, in.entry.Path)
	return ok && err == nil
}

func matchesAny(patterns []string, in *inode) bool {
	for _, p := range patterns {
		if matches(p, in) {
			return true
		}
	}
	return false
}

// checkPatterns refuses patterns that doublestar cannot read.
func (a arguments) checkPatterns() error {
	var all []string
	for _, l := range a.Layers {
		all = append(all, l.Replace...)
		for _, r := range l.Rules {
			all = append(all, r.Pattern)
		}
	}
	for _, r := range a.Rules {
		all = append(all, r.Pattern)
	}
	all = append(append(all, a.Skip.Dangling...), a.Skip.Programs...)
	for _, p := range all {
		if !doublestar.ValidatePattern(p) {
			return fmt.Errorf("pattern %q: not well formed", p)
		}
	}
	return nil
}
