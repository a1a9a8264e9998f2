package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// platforms is the one setting a transition can read and write.
const platforms = "//command_line_option:platforms"

// Transition chooses another target platform for a target or a dependency. It
// is immutable.
type Transition struct {
	implementation starlark.Callable
	defined        diag.Position
	reads          bool // its inputs name the platforms
}

func makeTransition(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var implementation starlark.Callable
	var inputs, outputs *starlark.List
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "implementation", &implementation, "inputs", &inputs, "outputs", &outputs); err != nil {
		return nil, err
	}
	for _, v := range append(elements(inputs), elements(outputs)...) {
		if v != starlark.String(platforms) {
			return nil, fmt.Errorf("transition: got %s, but the one setting is %q", v, platforms)
		}
	}
	if outputs.Len() != 1 {
		return nil, fmt.Errorf("transition: outputs: got %d settings, want [%q]", outputs.Len(), platforms)
	}
	return &Transition{implementation, CallerPosition(t), inputs.Len() > 0}, nil
}

func (tr *Transition) String() string        { return "<transition at " + tr.defined.String() + ">" }
func (tr *Transition) Type() string          { return "transition" }
func (tr *Transition) Freeze()               {}
func (tr *Transition) Truth() starlark.Bool  { return true }
func (tr *Transition) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: transition") }

// Apply is the target platform that tr chooses for a target with attributes
// attr that would be analysed for from. Relative labels are relative to base.
func (tr *Transition) Apply(t *starlark.Thread, from label.Label, attr starlark.Value, base label.Label) (label.Label, error) {
	settings := new(starlark.Dict)
	if tr.reads {
		current := starlark.NewList(nil)
		if !from.IsZero() {
			current = starlark.NewList([]starlark.Value{Label{from}})
		}
		if err := settings.SetKey(starlark.String(platforms), current); err != nil {
			return label.Label{}, err
		}
	}
	settings.Freeze()
	v, err := starlark.Call(t, tr.implementation, starlark.Tuple{settings, attr}, nil)
	if err != nil {
		return label.Label{}, err
	}
	return tr.chosen(v, base)
}

// chosen reads what an implementation returned: {platforms: label or [label]}.
func (tr *Transition) chosen(v starlark.Value, base label.Label) (label.Label, error) {
	d, ok := v.(*starlark.Dict)
	if !ok || d.Len() != 1 {
		return label.Label{}, fmt.Errorf("transition defined at %s: got %s, want a dict with the key %q", tr.defined, v.Type(), platforms)
	}
	value, ok, _ := d.Get(starlark.String(platforms))
	if !ok {
		return label.Label{}, fmt.Errorf("transition defined at %s: got key %s, want %q", tr.defined, d.Keys()[0], platforms)
	}
	if l, ok := value.(*starlark.List); ok && l.Len() == 1 {
		value = l.Index(0)
	}
	l, err := ParseLabel(value, base)
	if err != nil {
		return label.Label{}, fmt.Errorf("transition defined at %s: %w", tr.defined, err)
	}
	return l, nil
}
