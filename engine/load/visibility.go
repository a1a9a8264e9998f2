package load

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/label"
)

// visibility is the set of build directories that may depend on a target,
// besides its own.
type visibility struct {
	public bool
	groups []group
}

// group is one build directory, or it and all below.
type group struct {
	dir   label.Label // the name means nothing
	below bool
}

var public = &visibility{public: true}

// parseVisibility reads a list as targets give it.
func parseVisibility(specs starlark.Value, base label.Label) (*visibility, error) {
	v := &visibility{}
	it, ok := specs.(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("got %s, want list of strings", specs.Type())
	}
	for e := range starlark.Elements(it) {
		s, ok := starlark.AsString(e)
		if !ok {
			return nil, fmt.Errorf("got %s, want string", e.Type())
		}
		if err := v.add(s, base); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *visibility) add(spec string, base label.Label) error {
	switch spec {
	case "//visibility:public":
		v.public = true
		return nil
	case "//visibility:private":
		return nil
	}
	l, err := label.Parse(spec, base)
	if err != nil {
		return err
	}
	if l.Name() != "__pkg__" && l.Name() != "__subpackages__" {
		return fmt.Errorf(`got %q, want "//visibility:public", "//visibility:private", "//dir:__pkg__" or "//dir:__subpackages__"`, spec)
	}
	v.groups = append(v.groups, group{l, l.Name() == "__subpackages__"})
	return nil
}

// includes reports whether the build directory of from is in the set.
func (v *visibility) includes(from label.Label) bool {
	if v.public {
		return true
	}
	for _, g := range v.groups {
		if g.includes(from) {
			return true
		}
	}
	return false
}

func (g group) includes(from label.Label) bool {
	switch {
	case g.dir.Repo() != from.Repo():
		return false
	case g.dir.Dir() == from.Dir():
		return true
	}
	return g.below && (g.dir.Dir() == "" || strings.HasPrefix(from.Dir(), g.dir.Dir()+"/"))
}

// String is the set for people.
func (v *visibility) String() string {
	if v.public {
		return "//visibility:public"
	}
	if len(v.groups) == 0 {
		return "//visibility:private"
	}
	var names []string
	for _, g := range v.groups {
		names = append(names, g.dir.String())
	}
	return strings.Join(names, ", ")
}
