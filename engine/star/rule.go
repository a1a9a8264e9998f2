package star

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// Rule is the schema of targets and what is done with them. It is immutable
// once its file was run.
type Rule struct {
	name           string // that of the global it was first bound to
	doc            string
	defined        diag.Position
	file           label.Label // the file that defines it
	implementation starlark.Callable
	attrs          map[string]*Attr
	names          []string // of attrs, sorted
	provides       []*Provider
	toolchains     []label.Label
	transition     *Transition
	test           bool // its targets are tests
	executable     bool // its targets can be run
	builtin        bool
}

var _ starlark.Callable = (*Rule)(nil)

// commonAttrs are those of every rule.
var commonAttrs = map[string]*Attr{
	"name":       {kind: String, doc: "The name of the target, unique in its build directory.", fallback: String.zero(), mandatory: true, fixed: true, allowEmpty: true},
	"visibility": {kind: StringList, doc: "Which build directories may depend on the target.", fallback: StringList.zero(), fixed: true, allowEmpty: true},
	"tags":       {kind: StringList, doc: "Words to choose targets by.", fallback: StringList.zero(), fixed: true, allowEmpty: true},
}

func makeRule(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var implementation *starlark.Function
	var attrs *starlark.Dict
	var provides, toolchains *starlark.List
	var cfg *Transition
	var doc string
	var test, executable bool
	err := starlark.UnpackArgs(b.Name(), args, kwargs, "implementation", &implementation, "attrs??", &attrs,
		"provides??", &provides, "doc?", &doc, "toolchains??", &toolchains, "cfg??", &cfg, "test?", &test, "executable?", &executable)
	if err != nil {
		return nil, err
	}
	if EnvironmentOf(t).Declare != nil {
		return nil, fmt.Errorf("rule() makes a rule at the top level of a .star file, not while targets are declared")
	}
	r := &Rule{doc: doc, defined: CallerPosition(t), file: callerFile(t), implementation: implementation, transition: cfg,
		test: test, executable: executable, attrs: maps.Clone(commonAttrs)}
	if err := r.addAttrs(attrs); err != nil {
		return nil, err
	}
	if r.provides, err = providerList(listOrEmpty(provides)); err != nil {
		return nil, fmt.Errorf("rule: provides: %w", err)
	}
	for _, v := range elements(toolchains) {
		l, err := ParseLabel(v, r.file)
		if err != nil {
			return nil, fmt.Errorf("rule: toolchains: %w", err)
		}
		r.toolchains = append(r.toolchains, l)
	}
	return r, nil
}

func listOrEmpty(l *starlark.List) *starlark.List {
	if l == nil {
		return new(starlark.List)
	}
	return l
}

func (r *Rule) addAttrs(attrs *starlark.Dict) error {
	if attrs == nil {
		attrs = new(starlark.Dict)
	}
	for key, value := range starlark.Entries(attrs) {
		name, ok := starlark.AsString(key)
		if !ok {
			return fmt.Errorf("rule: attrs: got %s as a name, want string", key.Type())
		}
		a, ok := value.(*Attr)
		if !ok {
			return fmt.Errorf("rule: attribute %q: got %s, want attr.*", name, value.Type())
		}
		if _, ok := commonAttrs[name]; ok {
			return fmt.Errorf("rule: attribute %q: every rule has one of that name", name)
		}
		if !identifier(name) {
			return fmt.Errorf("rule: attribute %q: want a name made of letters, digits and _", name)
		}
		if private(name) && a.fallback == starlark.None {
			return fmt.Errorf("rule: attribute %q: a private attribute needs a default", name)
		}
		r.attrs[name] = a
	}
	r.names = slices.Sorted(maps.Keys(r.attrs))
	return nil
}

func private(name string) bool { return strings.HasPrefix(name, "_") }

func identifier(s string) bool {
	for i, c := range s {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// Export names r after the global that holds it, unless it has a name.
func (r *Rule) Export(name string) {
	if r.name == "" {
		r.name = name
	}
}

// testSuffix ends the names of test rules, and of no others, as in Bazel: then
// everybody sees from an APPLIANCE.star what is a test.
const testSuffix = "_test"

// NameProblem says what is wrong with the name of an exported rule; nil if nothing.
func (r *Rule) NameProblem() *diag.Problem {
	named := strings.HasSuffix(r.name, testSuffix)
	switch {
	case r.test && !named:
		return diag.Errorf(r.defined, "", "rule %s: the name of a test rule ends in %s", r.name, testSuffix)
	case !r.test && named:
		return diag.Errorf(r.defined, "", "rule %s: a name that ends in %s is for rules with test = True", r.name, testSuffix)
	}
	return nil
}

// Name is that of the global the rule was first bound to.
func (r *Rule) Name() string { return r.name }

// Doc is what the rule is for.
func (r *Rule) Doc() string { return r.doc }

// Defined is where rule() was called; zero for a rule of the engine.
func (r *Rule) Defined() diag.Position { return r.defined }

// File is the file that defines the rule.
func (r *Rule) File() label.Label { return r.file }

// Builtin reports whether the engine brings the rule.
func (r *Rule) Builtin() bool { return r.builtin }

// Implementation is the function that analyses a target; nil when Builtin.
func (r *Rule) Implementation() starlark.Callable { return r.implementation }

// AttributeNames are the names of all attributes, sorted.
func (r *Rule) AttributeNames() []string { return r.names }

// Attribute finds an attribute by name; nil if there is none.
func (r *Rule) Attribute(name string) *Attr { return r.attrs[name] }

// Provides are what every target of the rule must return.
func (r *Rule) Provides() []*Provider { return r.provides }

// Toolchains are the toolchain types the rule asks for.
func (r *Rule) Toolchains() []label.Label { return r.toolchains }

// Test reports whether the rule's targets are tests.
func (r *Rule) Test() bool { return r.test }

// Executable reports whether the rule's targets can be run by a person.
func (r *Rule) Executable() bool { return r.executable }

// Transition changes the configuration of the rule's targets; nil leaves it.
func (r *Rule) Transition() *Transition { return r.transition }

func (r *Rule) String() string       { return "<rule " + r.name + ">" }
func (r *Rule) Type() string         { return "rule" }
func (r *Rule) Freeze()              {}
func (r *Rule) Truth() starlark.Bool { return true }

// Hash does not depend on the name, which comes later than the first use.
func (r *Rule) Hash() (uint32, error) { return starlark.String(r.defined.String()).Hash() }

// CallInternal declares a target.
func (r *Rule) CallInternal(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	d := EnvironmentOf(t).Declare
	if d == nil {
		return nil, fmt.Errorf("rule %s declares a target, which only an APPLIANCE.star file and the macros it calls can do", r.name)
	}
	return starlark.None, d.Declare(t, r, args, kwargs)
}

// ArgumentError is what is wrong with one named argument of a call.
type ArgumentError struct {
	Name  string // the argument; "" for the call as a whole
	Text  string
	Hint  string
	Notes []string
}

func (e *ArgumentError) Error() string { return e.Text }

// DidYouMean is the hint for a near name; "" for none.
func DidYouMean(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", near)
}

// Bind checks the arguments of a target in the build directory of base against
// the schema. It gives a value for every attribute, frozen, and whatever is
// wrong.
func (r *Rule) Bind(base label.Label, kwargs []starlark.Tuple) (starlark.StringDict, []*ArgumentError) {
	values := make(starlark.StringDict, len(r.attrs))
	var wrong []*ArgumentError
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		a := r.attrs[name]
		switch {
		case a == nil || private(name):
			wrong = append(wrong, r.unknown(name))
			continue
		case kv[1] == starlark.None && !a.mandatory:
			continue
		}
		v, err := a.bind(kv[1], base)
		if err != nil {
			wrong = append(wrong, argumentError(name, err))
		}
		values[name] = v
	}
	for _, name := range r.names {
		a := r.attrs[name]
		if _, given := values[name]; given {
			continue
		}
		if a.mandatory {
			wrong = append(wrong, &ArgumentError{Text: fmt.Sprintf("missing attribute %q: %s", name, a.doc), Notes: r.definedNote()})
			continue
		}
		values[name] = a.fallback
	}
	return values, wrong
}

func (r *Rule) unknown(name string) *ArgumentError {
	public := slices.DeleteFunc(slices.Clone(r.names), private)
	return &ArgumentError{Name: name, Text: fmt.Sprintf("no attribute %q", name), Hint: DidYouMean(label.Nearest(name, public)), Notes: r.definedNote()}
}

func (r *Rule) definedNote() []string {
	if r.builtin {
		return nil
	}
	return []string{fmt.Sprintf("%s is defined at %s", r.name, r.defined)}
}

func argumentError(name string, err error) *ArgumentError {
	out := &ArgumentError{Name: name, Text: fmt.Sprintf("attribute %q: %s", name, err)}
	if inner, ok := err.(*ArgumentError); ok {
		out.Hint, out.Notes = inner.Hint, inner.Notes
	}
	return out
}
