package star

import (
	"maps"
	"slices"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// Builtin rules, by name. Their meaning is Bazel's.
const (
	Alias             = "alias"
	Filegroup         = "filegroup"
	ConstraintSetting = "constraint_setting"
	ConstraintValue   = "constraint_value"
	Platform          = "platform"
	ConfigSetting     = "config_setting"
	ToolchainType     = "toolchain_type"
	Toolchain         = "toolchain"
)

// builtinRules is the one table of them.
func builtinRules() []*Rule {
	constraints := func(doc string) *Attr { return fixedLabels(LabelList, doc) }
	return []*Rule{
		builtinRule(Alias, "Another name for a target.", map[string]*Attr{
			"actual": {kind: LabelKind, doc: "The target meant.", fallback: LabelKind.zero(), mandatory: true, files: FileFilter{all: true}},
		}),
		builtinRule(Filegroup, "Files under one name.", map[string]*Attr{
			"srcs": {kind: LabelList, doc: "The files, and targets that give files.", fallback: LabelList.zero(), allowEmpty: true, files: FileFilter{all: true}},
		}),
		builtinRule(ConstraintSetting, "One axis on which platforms differ.", map[string]*Attr{
			"default_constraint_value": fixedLabels(LabelKind, "The value of platforms that name none."),
		}),
		builtinRule(ConstraintValue, "One value on an axis.", map[string]*Attr{
			"constraint_setting": mandatory(fixedLabels(LabelKind, "The axis.")),
		}),
		builtinRule(Platform, "A named set of constraint values.", map[string]*Attr{
			"constraint_values": constraints("The values, at most one for each setting."),
			"parents":           constraints("At most one platform whose values hold where this one says nothing."),
		}),
		builtinRule(ConfigSetting, "A condition for select().", map[string]*Attr{
			"constraint_values": constraints("The values that the target platform must have."),
		}),
		builtinRule(ToolchainType, "A name for what several toolchains can do.", nil),
		builtinRule(Toolchain, "That a target can serve as a toolchain of some type.", map[string]*Attr{
			"toolchain_type":         mandatory(fixedLabels(LabelKind, "What it can do.")),
			"toolchain":              mandatory(fixedLabels(LabelKind, "The target that gives ToolchainInfo.")),
			"exec_compatible_with":   constraints("The values that the exec platform must have."),
			"target_compatible_with": constraints("The values that the target platform must have."),
		}),
	}
}

func fixedLabels(k Kind, doc string) *Attr {
	return &Attr{kind: k, doc: doc, fallback: k.zero(), fixed: true, allowEmpty: true}
}

func mandatory(a *Attr) *Attr {
	a.mandatory = true
	return a
}

func builtinRule(name, doc string, attrs map[string]*Attr) *Rule {
	r := &Rule{name: name, doc: doc, builtin: true, attrs: map[string]*Attr{}}
	for _, m := range []map[string]*Attr{commonAttrs, attrs} {
		for name, a := range m {
			r.attrs[name] = a
		}
	}
	r.names = slices.Sorted(maps.Keys(r.attrs))
	return r
}

// Everywhere are the names that every file knows.
func Everywhere() starlark.StringDict {
	names := starlark.StringDict{
		"Label":  starlark.NewBuiltin("Label", makeLabel),
		"depset": starlark.NewBuiltin("depset", makeDepset),
		"json":   json.Module,
		"select": starlark.NewBuiltin("select", makeSelect),
		"struct": starlark.NewBuiltin("struct", starlarkstruct.Make),
	}
	for _, r := range builtinRules() {
		names[r.name] = r
	}
	return names
}

// InLibraries are the names that only .star files other than APPLIANCE.star
// know: those that define something.
func InLibraries() starlark.StringDict {
	names := starlark.StringDict{
		"derivable":  starlark.NewBuiltin("derivable", makeDerivable),
		"attr":       &starlarkstruct.Module{Name: "attr", Members: attrModule()},
		"provider":   starlark.NewBuiltin("provider", makeProvider),
		"rule":       starlark.NewBuiltin("rule", makeRule),
		"transition": starlark.NewBuiltin("transition", makeTransition),
	}
	for _, p := range []*Provider{DefaultInfo, ToolchainInfo, PlatformInfo, ConstraintValueInfo} {
		names[p.name] = p
	}
	return names
}
