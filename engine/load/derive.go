package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
)

// macroCall is one call of a macro that derive can repeat. It is immutable.
type macroCall struct {
	macro     *star.Derivable
	arguments []starlark.Tuple // in the order of the call; of any build directory, see star.Derivable.Keep
	lent      lent             // what is in arguments
}

// lent are labels that a target has from the call it derives from, each with a
// label in the build directory that may use it: who may use an appliance may
// derive from it, and thus use what it is made of.
type lent map[label.Label]label.Label

// Called notes the call of a macro, under the name that it gives.
func (b *builder) Called(m *star.Derivable, kwargs []starlark.Tuple) {
	call := &macroCall{macro: m, lent: lent{}}
	lend := func(at label.Label) {
		from, borrowed := b.lent[at]
		if !borrowed {
			from = b.dir.label
		}
		call.lent[at] = from
	}
	name := ""
	for _, kv := range kwargs {
		key := string(kv[0].(starlark.String))
		if key == "name" {
			name, _ = starlark.AsString(kv[1])
		}
		call.arguments = append(call.arguments, starlark.Tuple{kv[0], m.Keep(key, kv[1], b.dir.label, lend)})
	}
	if name != "" {
		b.dir.calls[name] = call
	}
}

// callDerive is derive(name, base, **changes): the call that made base, once
// more, with another name and with changes. A function among the changes makes
// the new value of the old one.
func callDerive(b *builder, t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var base starlark.Value
	own, changes := splitArguments(kwargs, "name", "base")
	if err := starlark.UnpackArgs("derive", args, own, "name", &name, "base", &base); err != nil {
		return nil, err
	}
	at, err := star.ParseLabel(base, b.dir.label)
	if err != nil {
		return nil, &star.ArgumentError{Name: "base", Text: "derive: base: " + err.Error()}
	}
	call, err := b.macroCall(t, at)
	if call == nil || err != nil {
		return starlark.None, err
	}
	changed, err := call.with(t, at, changes)
	if err != nil {
		return nil, err
	}
	before := b.lent
	defer func() { b.lent = before }()
	b.lent = call.lent
	return starlark.Call(t, call.macro, nil, append(changed, starlark.Tuple{starlark.String("name"), starlark.String(name)}))
}

// splitArguments parts those of some names from the rest.
func splitArguments(kwargs []starlark.Tuple, names ...string) (own, rest []starlark.Tuple) {
	for _, kv := range kwargs {
		if slices.Contains(names, string(kv[0].(starlark.String))) {
			own = append(own, kv)
		} else {
			rest = append(rest, kv)
		}
	}
	return own, rest
}

// macroCall finds the call that made at. It is nil when something is wrong that is
// a problem of this build directory already.
func (b *builder) macroCall(t *starlark.Thread, at label.Label) (*macroCall, error) {
	d, err := b.baseDirectory(t, at)
	if err != nil {
		return nil, argumentProblem("base", err)
	}
	if d == nil {
		return nil, nil
	}
	call, ok := d.calls[at.Name()]
	switch {
	case !ok && d != b.dir && len(d.problems) > 0:
		return nil, nil
	case !ok:
		return nil, b.noCall(d, at)
	}
	if target := d.targets[at.Name()]; d != b.dir && target != nil && !target.VisibleFrom(b.dir.label) {
		return nil, &star.ArgumentError{
			Name:  "base",
			Text:  fmt.Sprintf("derive: %s is not visible from %s", at, b.dir.label.Directory()),
			Notes: []string{fmt.Sprintf("%s is visible to %s, declared at %s", at, target.Visibility(), target.Position())},
		}
	}
	return call, nil
}

// baseDirectory loads the build directory of at, unless that is the one which is
// being loaded. It is nil when that would never end.
func (b *builder) baseDirectory(t *starlark.Thread, at label.Label) (*Directory, error) {
	key, err := at.Sibling(b.dir.label.Name())
	if err != nil || key == b.dir.label {
		return b.dir, err
	}
	l, home := b.loader, b.dir.label.Repo()
	switch {
	case !l.workspace.HasRepo(at.Repo()):
		return nil, l.noRepo(diag.Position{}, at.String(), at.Repo())
	case !l.layers.reaches(home, at.Repo()):
		text, hint := l.notLayer(home, at.Repo())
		return nil, &diag.Problem{Subject: at.String(), Text: text, Hint: hint}
	}
	if cycle := l.waits.wait(b.dir.label, key, star.CallerPosition(t)); cycle != nil {
		b.dir.problems = append(b.dir.problems, l.deriveCycle(cycle))
		return nil, nil
	}
	d, err := l.Directory(star.ContextOf(t), at)
	if err != nil {
		return nil, err
	}
	b.dir.problems = merge(b.dir.problems, d.problems)
	return d, nil
}

// deriveCycle: build directories that derive from one another. Each would have to
// be loaded before the other.
func (l *Loader) deriveCycle(cycle []edge) *diag.Problem {
	names := []string{cycle[0].from.Directory()}
	var notes []string
	for _, e := range cycle {
		names = append(names, e.to.Directory())
		notes = append(notes, fmt.Sprintf("%s derives from %s at %s", e.from.Directory(), e.to.Directory(), e.pos))
	}
	p := l.problem(cycle[0].pos, "derive", "build directories derive from one another: %s", strings.Join(names, " -> "))
	p.Notes = notes[1:]
	return p
}

// argumentProblem is err as what is wrong with an argument of derive.
func argumentProblem(name string, err error) error {
	var p *diag.Problem
	if errors.Is(err, context.Canceled) || !errors.As(err, &p) {
		return err
	}
	text := p.Text
	if p.Subject != "" {
		text = p.Subject + ": " + text
	}
	return &star.ArgumentError{Name: name, Text: "derive: " + text, Hint: p.Hint, Notes: p.Notes}
}

// noCall: nothing of this name was made in a way that can be repeated.
func (b *builder) noCall(d *Directory, at label.Label) error {
	e := &star.ArgumentError{Name: "base", Hint: star.DidYouMean(d.nearestCall(at))}
	target := d.targets[at.Name()]
	switch {
	case target != nil:
		e.Text = fmt.Sprintf("derive: %s is a %s, not made by a macro that is derivable()", at, target.Kind())
	case d == b.dir:
		e.Text = fmt.Sprintf("derive: nothing above declares %s", at)
	default:
		e.Text = fmt.Sprintf("derive: %s: no such target", at)
		e.Notes = []string{fmt.Sprintf("%s declares %s", b.loader.workspace.Display(at.Repo(), d.label.Path()), summary(d.names))}
	}
	return e
}

// nearestCall is the label of the call that made at on its way, or has a name
// like it; "" for none.
func (d *Directory) nearestCall(at label.Label) string {
	names := slices.Sorted(maps.Keys(d.calls))
	for _, name := range names {
		if strings.HasPrefix(at.Name(), name+".") {
			return at.Directory() + ":" + name
		}
	}
	if near := label.Nearest(at.Name(), names); near != "" {
		return at.Directory() + ":" + near
	}
	return ""
}

// with are the arguments of the call after some changes, but for the name.
// Visibility is left out: who may use the one says nothing about the other.
func (c *macroCall) with(t *starlark.Thread, base label.Label, changes []starlark.Tuple) ([]starlark.Tuple, error) {
	_, arguments := splitArguments(c.arguments, "name", "visibility")
	for _, kv := range changes {
		name := string(kv[0].(starlark.String))
		if err := c.macro.Check(name); err != nil {
			return nil, err
		}
		value, err := c.changed(t, base, name, kv[1])
		if err != nil {
			return nil, err
		}
		_, arguments = splitArguments(arguments, name)
		arguments = append(arguments, starlark.Tuple{kv[0], value})
	}
	return arguments, nil
}

// changed is the new value of an argument.
func (c *macroCall) changed(t *starlark.Thread, base label.Label, name string, change starlark.Value) (starlark.Value, error) {
	f, ok := change.(*starlark.Function)
	if !ok {
		return change, nil
	}
	old := c.argument(name)
	if old == nil {
		return nil, &star.ArgumentError{Name: name, Text: fmt.Sprintf("derive: %s gives no %s that a function could change", base, name)}
	}
	return starlark.Call(t, f, starlark.Tuple{old}, nil)
}

// argument is the value that the call gave, or the macro's default.
func (c *macroCall) argument(name string) starlark.Value {
	for _, kv := range c.arguments {
		if string(kv[0].(starlark.String)) == name {
			return kv[1]
		}
	}
	return c.macro.Default(name)
}
