package load

import (
	"slices"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
)

// Target is an instance of a rule, with attributes; no configuration yet. A
// source file is a target without a rule. It is immutable.
type Target struct {
	label      label.Label
	rule       *star.Rule // nil for a source file
	values     starlark.StringDict
	position   diag.Position // of the call in the APPLIANCE.star file
	macro      string        // the function that declared it; "" without one
	visibility *visibility   // nil for a source file that is not exported
	tree       bool          // a source directory
	lent       lent          // nil unless derive made it
}

// Label is the target's name.
func (t *Target) Label() label.Label { return t.label }

// Rule is what t is an instance of; nil for a source file.
func (t *Target) Rule() *star.Rule { return t.rule }

// IsSource reports whether t is a source file or directory.
func (t *Target) IsSource() bool { return t.rule == nil }

// IsTree reports whether t is a source directory.
func (t *Target) IsTree() bool { return t.tree }

// Kind is the name of the rule, "source file" or "source directory".
func (t *Target) Kind() string {
	switch {
	case t.rule != nil:
		return t.rule.Name()
	case t.tree:
		return "source directory"
	}
	return "source file"
}

// Position is the call in the APPLIANCE.star file that declared t.
func (t *Target) Position() diag.Position { return t.position }

// Macro is the function that the APPLIANCE.star file called to declare t; "" if
// it called the rule itself.
func (t *Target) Macro() string { return t.macro }

// Attribute is the value of an attribute, nil if there is none of that name.
// It may be a *star.Select.
func (t *Target) Attribute(name string) starlark.Value { return t.values[name] }

// Text is the value of an attribute of that name that is a text and no select.
func (t *Target) Text(name string) (text string, ok bool) { return starlark.AsString(t.values[name]) }

// Attributes are the names of all attributes, sorted.
func (t *Target) Attributes() []string {
	if t.rule == nil {
		return nil
	}
	return t.rule.AttributeNames()
}

// Tags are the words of the attribute of that name.
func (t *Target) Tags() []string {
	var tags []string
	if l, ok := t.values["tags"].(*starlark.List); ok {
		for e := range starlark.Elements(l) {
			tags = append(tags, string(e.(starlark.String)))
		}
	}
	return tags
}

// VisibleFrom reports whether targets in the build directory of from may depend
// on t.
func (t *Target) VisibleFrom(from label.Label) bool {
	if from.Directory() == t.label.Directory() {
		return true
	}
	return t.visibility != nil && t.visibility.includes(from)
}

// MayUse reports whether t may depend on u: its build directory sees u, or that
// of the call which t derives from does and has named u.
func (t *Target) MayUse(u *Target) bool {
	if u.VisibleFrom(t.label) {
		return true
	}
	from, ok := t.lent[u.label]
	return ok && u.VisibleFrom(from)
}

// Visibility is who may depend on t, for people.
func (t *Target) Visibility() string {
	if t.visibility == nil {
		return "//visibility:private"
	}
	return t.visibility.String()
}

// Deps are all labels in attributes, those of all branches and conditions of
// selects included, and the toolchain types of the rule; sorted, each once.
func (t *Target) Deps() []label.Label {
	if t.rule == nil {
		return nil
	}
	deps := slices.Clone(t.rule.Toolchains())
	for _, name := range t.rule.AttributeNames() {
		star.Labels(t.values[name], func(l label.Label) { deps = append(deps, l) })
	}
	slices.SortFunc(deps, label.Label.Compare)
	return slices.Compact(deps)
}
