package star

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// Provider is a sort of Info; calling it makes one.
type Provider struct {
	name    string // that of the global it was first bound to
	doc     string
	defined diag.Position
	fields  []string // sorted; nil when any field is allowed
	init    starlark.Callable
}

var _ starlark.Callable = (*Provider)(nil)

// newProvider is a provider that the engine itself brings.
func newProvider(name, doc string, fields ...string) *Provider {
	return &Provider{name: name, doc: doc, fields: fields}
}

// The providers that every file knows.
var (
	DefaultInfo         = newProvider("DefaultInfo", "What a target gives when nothing special is asked for.", "files")
	ToolchainInfo       = newProvider("ToolchainInfo", "What a toolchain gives the rules that use it: fields of its own choosing.")
	PlatformInfo        = newProvider("PlatformInfo", "That a target is a platform.", "label")
	ConstraintValueInfo = newProvider("ConstraintValueInfo", "That a target is a constraint value.", "label")
)

func makeProvider(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var doc string
	var fields starlark.Value
	var init starlark.Callable
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "doc?", &doc, "fields??", &fields, "init??", &init); err != nil {
		return nil, err
	}
	p := &Provider{doc: doc, defined: CallerPosition(t), init: init}
	if fields != nil {
		names, err := fieldNames(fields)
		if err != nil {
			return nil, err
		}
		p.fields = names
	}
	if init == nil {
		return p, nil
	}
	raw := starlark.NewBuiltin("raw_provider", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return p.instance(args, kwargs)
	})
	return starlark.Tuple{p, raw}, nil
}

// fieldNames are the names in a list, or the keys of a dict of docstrings.
func fieldNames(v starlark.Value) ([]string, error) {
	it, ok := v.(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("provider: fields: got %s, want list or dict", v.Type())
	}
	names := []string{}
	for e := range starlark.Elements(it) {
		s, ok := starlark.AsString(e)
		if !ok {
			return nil, fmt.Errorf("provider: fields: got %s, want string", e.Type())
		}
		names = append(names, s)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Export names p after the global that holds it, unless it has a name.
func (p *Provider) Export(name string) {
	if p.name == "" {
		p.name = name
	}
}

// Name is that of the global p was first bound to.
func (p *Provider) Name() string {
	if p.name == "" {
		return "provider"
	}
	return p.name
}

// Doc is the first sentence a reader needs.
func (p *Provider) Doc() string { return p.doc }

// Defined is where provider() was called; zero for the engine's own.
func (p *Provider) Defined() diag.Position { return p.defined }

func (p *Provider) String() string       { return "<provider " + p.Name() + ">" }
func (p *Provider) Type() string         { return "Provider" }
func (p *Provider) Freeze()              {}
func (p *Provider) Truth() starlark.Bool { return true }

// Hash does not depend on the name, which comes later than the first use.
func (p *Provider) Hash() (uint32, error) { return starlark.String(p.defined.String()).Hash() }

// CallInternal makes an Info of p.
func (p *Provider) CallInternal(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if p.init == nil {
		return p.instance(args, kwargs)
	}
	v, err := starlark.Call(t, p.init, args, kwargs)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*starlark.Dict)
	if !ok {
		return nil, fmt.Errorf("%s: init: got %s, want dict", p.Name(), v.Type())
	}
	return p.instance(nil, d.Items())
}

func (p *Provider) instance(args starlark.Tuple, kwargs []starlark.Tuple) (*Info, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("%s: got a positional argument, want only named ones", p.Name())
	}
	values := make(starlark.StringDict, len(kwargs))
	for _, kv := range kwargs {
		name, ok := starlark.AsString(kv[0])
		if !ok {
			return nil, fmt.Errorf("%s: field name: got %s, want string", p.Name(), kv[0].Type())
		}
		if p.fields != nil && !slices.Contains(p.fields, name) {
			return nil, &ArgumentError{Name: name, Text: fmt.Sprintf("%s has no field %q", p.Name(), name), Hint: DidYouMean(label.Nearest(name, p.fields)), Notes: p.definedNote()}
		}
		values[name] = kv[1]
	}
	return p.New(values)
}

func (p *Provider) definedNote() []string {
	if p.defined.File == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s is defined at %s", p.Name(), p.defined)}
}

// New is an Info with these values, which are frozen.
func (p *Provider) New(values starlark.StringDict) (*Info, error) {
	if p == DefaultInfo {
		if err := defaultFiles(values); err != nil {
			return nil, err
		}
	}
	values.Freeze()
	return &Info{p, values}, nil
}

// defaultFiles sees to it that DefaultInfo always has a depset of files.
func defaultFiles(values starlark.StringDict) error {
	switch v := values["files"].(type) {
	case nil, starlark.NoneType:
		values["files"] = &Depset{order: "default"}
		return nil
	case *Depset:
		if v.element == "" || v.element == "File" {
			return nil
		}
		return fmt.Errorf("DefaultInfo: files: got a depset of %s, want a depset of File", v.element)
	default:
		return fmt.Errorf("DefaultInfo: files: got %s, want a depset of File", v.Type())
	}
}

// Info is what a target tells its dependents: the fields of a provider. It is
// immutable.
type Info struct {
	provider *Provider
	values   starlark.StringDict
}

var (
	_ starlark.HasAttrs   = (*Info)(nil)
	_ starlark.Comparable = (*Info)(nil)
)

// Provider is the sort of i.
func (i *Info) Provider() *Provider { return i.provider }

// Files are those of a DefaultInfo.
func (i *Info) Files() *Depset { return i.values["files"].(*Depset) }

// Type is the same for all providers: the interpreter takes values whose types
// have one name for comparable, and a user may call a provider "list".
func (i *Info) Type() string         { return "Info" }
func (i *Info) Freeze()              {}
func (i *Info) Truth() starlark.Bool { return true }
func (i *Info) AttrNames() []string  { return slices.Sorted(maps.Keys(i.values)) }

func (i *Info) String() string {
	var b strings.Builder
	b.WriteString(i.provider.Name() + "(")
	for n, name := range i.AttrNames() {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + i.values[name].String())
	}
	return b.String() + ")"
}

func (i *Info) Attr(name string) (starlark.Value, error) {
	if v, ok := i.values[name]; ok {
		return v, nil
	}
	return nil, nil
}

func (i *Info) Hash() (uint32, error) {
	var sum uint32 = 2166136261
	for _, name := range i.AttrNames() {
		h, err := i.values[name].Hash()
		if err != nil {
			return 0, err
		}
		sum = (sum ^ h) * 16777619
	}
	return sum, nil
}

// CompareSameType compares field by field. Go's type is the same for all
// providers, so two sorts may meet here.
func (i *Info) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	j := y.(*Info)
	if op != syntax.EQL && op != syntax.NEQ {
		return false, fmt.Errorf("%s values have no order", i.provider.Name())
	}
	same, err := i.equal(j, depth)
	return same == (op == syntax.EQL), err
}

func (i *Info) equal(j *Info, depth int) (bool, error) {
	if i.provider != j.provider || len(i.values) != len(j.values) {
		return false, nil
	}
	for name, v := range i.values {
		w, ok := j.values[name]
		if !ok {
			return false, nil
		}
		if same, err := starlark.EqualDepth(v, w, depth-1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}
