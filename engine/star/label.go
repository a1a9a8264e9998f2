package star

import (
	"fmt"
	"path"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/label"
)

// Label is a label.Label as a Starlark value.
type Label struct{ label.Label }

var (
	_ starlark.HasAttrs   = Label{}
	_ starlark.Comparable = Label{}
)

func (l Label) Freeze()               {}
func (l Label) Truth() starlark.Bool  { return true }
func (l Label) Type() string          { return "Label" }
func (l Label) Hash() (uint32, error) { return starlark.String(l.String()).Hash() }
func (l Label) AttrNames() []string {
	return []string{"name", "package", "relative", "repo_name", "same_package_label"}
}

func (l Label) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(l.Name()), nil
	case "package":
		return starlark.String(l.Dir()), nil
	case "repo_name":
		return starlark.String(l.Repo()), nil
	case "relative", "same_package_label":
		return starlark.NewBuiltin(name, l.relative), nil
	}
	return nil, nil
}

func (l Label) relative(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	if b.Name() == "same_package_label" {
		sibling, err := l.Sibling(name)
		return Label{sibling}, err
	}
	m, err := label.Parse(name, l.Label)
	return Label{m}, err
}

// CompareSameType orders labels as label.Label.Compare does.
func (l Label) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	return threeway(op, l.Compare(y.(Label).Label)), nil
}

func threeway(op syntax.Token, c int) bool {
	switch op {
	case syntax.EQL:
		return c == 0
	case syntax.NEQ:
		return c != 0
	case syntax.LT:
		return c < 0
	case syntax.LE:
		return c <= 0
	case syntax.GT:
		return c > 0
	}
	return c >= 0
}

// makeLabel is Label(s): s relative to the directory of the file that calls it.
func makeLabel(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "input", &v); err != nil {
		return nil, err
	}
	l, err := ParseLabel(v, callerFile(t))
	return Label{l}, err
}

// ParseLabel reads a Label, or a string relative to base.
func ParseLabel(v starlark.Value, base label.Label) (label.Label, error) {
	switch v := v.(type) {
	case Label:
		return v.Label, nil
	case starlark.String:
		return label.Parse(string(v), base)
	}
	return label.Label{}, fmt.Errorf("got %s, want a label", v.Type())
}

// extension is what follows the last dot of a path.
func extension(p string) string {
	return strings.TrimPrefix(path.Ext(p), ".")
}
