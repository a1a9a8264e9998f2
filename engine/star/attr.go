package star

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/label"
)

// Attr is the schema of one attribute. It is immutable.
type Attr struct {
	kind       Kind
	doc        string
	fallback   starlark.Value // of kind, frozen
	mandatory  bool
	allowEmpty bool
	values     []starlark.Value // nil: any value will do
	files      FileFilter
	single     bool          // allow_single_file
	providers  [][]*Provider // a dependency has all of one of these; empty: any
	exec       bool          // cfg = "exec"
	transition *Transition   // cfg = transition(...); nil otherwise
	fixed      bool          // select() is not allowed
}

// FileFilter says which source files an attribute takes.
type FileFilter struct {
	all      bool
	suffixes []string
}

// Allows reports whether a source file of this name is wanted.
func (f FileFilter) Allows(name string) bool {
	return f.all || slices.ContainsFunc(f.suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// String is the filter for people.
func (f FileFilter) String() string {
	switch {
	case f.all:
		return "any file"
	case len(f.suffixes) == 0:
		return "a target, not a source file"
	}
	return fmt.Sprintf("a file that ends in one of %q", f.suffixes)
}

// Kind is the type of the attribute's values.
func (a *Attr) Kind() Kind { return a.kind }

// Doc is what the attribute means.
func (a *Attr) Doc() string { return a.doc }

// Default is the value of a target that gives none.
func (a *Attr) Default() starlark.Value { return a.fallback }

// Mandatory reports whether every target must give a value.
func (a *Attr) Mandatory() bool { return a.mandatory }

// Depends reports whether the labels in values are dependencies, to be analysed
// with the target.
func (a *Attr) Depends() bool { return a.kind.HoldsLabels() && !a.fixed }

// Overridable reports whether the value may be another one than the target
// gives: those of the attributes that every rule has were looked at before.
func (a *Attr) Overridable() bool { return !a.fixed }

// Files says which source files the attribute takes.
func (a *Attr) Files() FileFilter { return a.files }

// Single reports whether a dependency must be exactly one file.
func (a *Attr) Single() bool { return a.single }

// Exec reports whether dependencies run during the build.
func (a *Attr) Exec() bool { return a.exec }

// Transition changes the configuration of dependencies; nil leaves it alone.
func (a *Attr) Transition() *Transition { return a.transition }

// Accepts reports whether a dependency that has these providers will do; if
// not, wanted says what would.
func (a *Attr) Accepts(has func(*Provider) bool) (ok bool, wanted string) {
	var sets []string
	for _, set := range a.providers {
		if !slices.ContainsFunc(set, func(p *Provider) bool { return !has(p) }) {
			return true, ""
		}
		var names []string
		for _, p := range set {
			names = append(names, p.Name())
		}
		sets = append(sets, strings.Join(names, " and "))
	}
	return len(a.providers) == 0, strings.Join(sets, ", or ")
}

func (a *Attr) String() string        { return "<attr." + a.kind.String() + ">" }
func (a *Attr) Type() string          { return "Attribute" }
func (a *Attr) Freeze()               {}
func (a *Attr) Truth() starlark.Bool  { return true }
func (a *Attr) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: Attribute") }

// attrModule is the value "attr": a constructor for each Kind.
func attrModule() starlark.StringDict {
	m := starlark.StringDict{}
	for k := range kindCount {
		m[k.String()] = starlark.NewBuiltin("attr."+k.String(), func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return makeAttr(t, k, args, kwargs)
		})
	}
	return m
}

// attrArguments are the arguments of attr.*, before they are checked.
type attrArguments struct {
	fallback, cfg               starlark.Value
	doc                         string
	mandatory                   bool
	allowEmpty                  bool
	values, providers           *starlark.List
	allowFiles, allowSingleFile starlark.Value
}

func makeAttr(t *starlark.Thread, k Kind, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name := "attr." + k.String()
	if len(args) > 0 {
		return nil, fmt.Errorf("%s: got a positional argument, want only named ones", name)
	}
	in := attrArguments{allowEmpty: true}
	pairs := []any{"doc?", &in.doc, "default??", &in.fallback, "mandatory?", &in.mandatory}
	if k == Int || k == String {
		pairs = append(pairs, "values??", &in.values)
	}
	if k.Collects() {
		pairs = append(pairs, "allow_empty?", &in.allowEmpty)
	}
	if k.HoldsLabels() {
		pairs = append(pairs, "allow_files??", &in.allowFiles, "providers??", &in.providers, "cfg??", &in.cfg)
	}
	if k == LabelKind {
		pairs = append(pairs, "allow_single_file??", &in.allowSingleFile)
	}
	if err := starlark.UnpackArgs(name, nil, kwargs, pairs...); err != nil {
		return nil, err
	}
	a, err := in.attr(k, callerFile(t))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// attr checks the arguments. Labels in the default are relative to base.
func (in *attrArguments) attr(k Kind, base label.Label) (*Attr, error) {
	if strings.TrimSpace(in.doc) == "" {
		return nil, fmt.Errorf("every attribute needs doc, a sentence for its readers")
	}
	if in.mandatory && in.fallback != nil {
		return nil, fmt.Errorf("a mandatory attribute has no default")
	}
	a := &Attr{kind: k, doc: in.doc, fallback: k.zero(), mandatory: in.mandatory, allowEmpty: in.allowEmpty}
	var err error
	if a.values, err = k.convertAll(elements(in.values), base); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	if a.files, a.single, err = fileFilters(in.allowFiles, in.allowSingleFile); err != nil {
		return nil, err
	}
	if a.providers, err = providerSets(in.providers); err != nil {
		return nil, err
	}
	if err := a.configure(in.cfg); err != nil {
		return nil, err
	}
	if in.fallback != nil {
		if a.fallback, err = k.convert(in.fallback, base); err != nil {
			return nil, fmt.Errorf("default: %w", err)
		}
	}
	if in.fallback != nil {
		return a, a.check(a.fallback)
	}
	return a, nil
}

func (a *Attr) configure(cfg starlark.Value) error {
	switch cfg := cfg.(type) {
	case nil:
	case *Transition:
		a.transition = cfg
	case starlark.String:
		if cfg != "exec" && cfg != "target" {
			return fmt.Errorf(`cfg: got %s, want "exec", "target" or a transition`, cfg)
		}
		a.exec = cfg == "exec"
	default:
		return fmt.Errorf(`cfg: got %s, want "exec", "target" or a transition`, cfg.Type())
	}
	return nil
}

func fileFilters(many, one starlark.Value) (f FileFilter, single bool, err error) {
	if many != nil && one != nil {
		return f, false, fmt.Errorf("allow_files and allow_single_file exclude each other")
	}
	if one != nil {
		f, err = fileFilter("allow_single_file", one)
		return f, true, err
	}
	f, err = fileFilter("allow_files", many)
	return f, false, err
}

func fileFilter(name string, v starlark.Value) (FileFilter, error) {
	switch v := v.(type) {
	case nil:
		return FileFilter{}, nil
	case starlark.Bool:
		return FileFilter{all: bool(v)}, nil
	case *starlark.List:
		var f FileFilter
		for _, e := range elements(v) {
			s, ok := starlark.AsString(e)
			if !ok {
				return f, fmt.Errorf("%s: got %s in the list, want string", name, e.Type())
			}
			f.suffixes = append(f.suffixes, s)
		}
		return f, nil
	default:
		return FileFilter{}, fmt.Errorf("%s: got %s, want bool or list of strings", name, v.Type())
	}
}

// providerSets reads a list of providers, or a list of alternatives, each a
// list of providers.
func providerSets(l *starlark.List) ([][]*Provider, error) {
	if l == nil || l.Len() == 0 {
		return nil, nil
	}
	if _, flat := l.Index(0).(*Provider); flat {
		set, err := providerList(l)
		return [][]*Provider{set}, err
	}
	var sets [][]*Provider
	for _, e := range elements(l) {
		inner, ok := e.(*starlark.List)
		if !ok {
			return nil, fmt.Errorf("providers: got %s, want provider or list of providers", e.Type())
		}
		set, err := providerList(inner)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func providerList(l *starlark.List) ([]*Provider, error) {
	var set []*Provider
	for _, e := range elements(l) {
		p, ok := e.(*Provider)
		if !ok {
			return nil, fmt.Errorf("providers: got %s, want provider", e.Type())
		}
		set = append(set, p)
	}
	return set, nil
}

// bind checks a value that a target gives. Relative labels are relative to
// base; selects keep their shape.
func (a *Attr) bind(v starlark.Value, base label.Label) (starlark.Value, error) {
	s, ok := v.(*Select)
	if !ok {
		v, err := a.kind.convert(v, base)
		if err != nil {
			return nil, err
		}
		return v, a.check(v)
	}
	if a.fixed {
		return nil, fmt.Errorf("select() is not possible here")
	}
	return s.convert(func(v starlark.Value) (starlark.Value, error) {
		if v == starlark.None && len(s.parts) == 1 {
			return a.fallback, nil
		}
		v, err := a.kind.convert(v, base)
		if err != nil || len(s.parts) > 1 {
			return v, err
		}
		return v, a.check(v)
	}, base)
}

// check holds a value of the right kind against values and allow_empty.
func (a *Attr) check(v starlark.Value) error {
	if n := starlark.Len(v); !a.allowEmpty && n == 0 {
		return fmt.Errorf("must not be empty")
	}
	if a.values == nil {
		return nil
	}
	var names []string
	for _, w := range a.values {
		if same, _ := starlark.Equal(v, w); same {
			return nil
		}
		names = append(names, w.String())
	}
	return &ArgumentError{
		Text: fmt.Sprintf("got %s, want one of %s", v, strings.Join(names, ", ")),
		Hint: DidYouMean(strings.Trim(label.Nearest(v.String(), names), `"`)),
	}
}

// Check is what a select finally gave, held against values and allow_empty.
func (a *Attr) Check(v starlark.Value) error { return a.check(v) }
