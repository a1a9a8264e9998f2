package load

import (
	"fmt"
	"maps"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// predeclared are the names that files know without loading them.
type predeclared struct {
	build   starlark.StringDict // APPLIANCE.star
	library starlark.StringDict // all others
}

func newPredeclared() predeclared {
	native := starlark.StringDict{}
	for name, f := range nativeFunctions {
		native[name] = builtin(name, f)
	}
	everywhere := star.Everywhere()
	p := predeclared{everywhere, maps.Clone(everywhere)}
	maps.Copy(p.library, star.InLibraries())
	p.library["native"] = &starlarkstruct.Module{Name: "native", Members: native}
	maps.Copy(p.build, native)
	p.build["workspace"] = builtin("workspace", callWorkspace)
	p.build["package"] = builtin("package", callPackage)
	return p
}

// function is a builtin that works on the directory being loaded.
type function func(b *builder, t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// nativeFunctions are known in APPLIANCE.star, and to macros as native.*.
var nativeFunctions = map[string]function{
	"derive":         callDerive,
	"existing_rule":  callExistingRule,
	"existing_rules": callExistingRules,
	"exports_files":  callExportsFiles,
	"glob":           callGlob,
	"package_name":   callPackageName,
	"repo_name":      callRepoName,
}

func builtin(name string, f function) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		b, ok := star.EnvironmentOf(t).Declare.(*builder)
		if !ok {
			return nil, fmt.Errorf("%s() is for APPLIANCE.star files and the macros they call", name)
		}
		return f(b, t, args, kwargs)
	})
}

func callWorkspace(b *builder, _ *starlark.Thread, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if b.dir.label.Dir() != "" {
		return nil, fmt.Errorf("workspace() belongs in the %s of a root directory; this directory is a workspace of its own", workspace.BuildFile)
	}
	return starlark.None, nil // read before anything was loaded, see Settings
}

func callPackage(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var specs *starlark.List
	if err := starlark.UnpackArgs("package", args, kwargs, "default_visibility", &specs); err != nil {
		return nil, err
	}
	if b.visibility != nil {
		return nil, fmt.Errorf("package() was called before")
	}
	v, err := parseVisibility(specs, b.dir.label)
	if err != nil {
		return nil, &star.ArgumentError{Name: "default_visibility", Text: "default_visibility: " + err.Error()}
	}
	b.visibility = v
	return starlark.None, nil
}

func callExportsFiles(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var files, specs *starlark.List
	if err := starlark.UnpackArgs("exports_files", args, kwargs, "srcs", &files, "visibility??", &specs); err != nil {
		return nil, err
	}
	v := public
	if specs != nil {
		var err error
		if v, err = parseVisibility(specs, b.dir.label); err != nil {
			return nil, err
		}
	}
	for e := range starlark.Elements(files) {
		name, ok := starlark.AsString(e)
		if !ok {
			return nil, fmt.Errorf("exports_files: got %s, want string", e.Type())
		}
		at, err := label.Parse(name, b.dir.label)
		if err != nil {
			return nil, err
		}
		b.dir.exports[at.Name()] = v
	}
	return starlark.None, nil
}

func callGlob(b *builder, t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var include, exclude *starlark.List
	excludeDirectories, allowEmpty := starlark.Value(starlark.True), false
	err := starlark.UnpackArgs("glob", args, kwargs, "include", &include, "exclude??", &exclude,
		"exclude_directories?", &excludeDirectories, "allow_empty?", &allowEmpty)
	if err != nil {
		return nil, err
	}
	g := workspace.Glob{Directories: !bool(excludeDirectories.Truth())}
	if g.Include, err = stringsOf(include); err != nil {
		return nil, fmt.Errorf("glob: include: %w", err)
	}
	if g.Exclude, err = stringsOf(exclude); err != nil {
		return nil, fmt.Errorf("glob: exclude: %w", err)
	}
	paths, err := b.loader.workspace.Glob(star.ContextOf(t), b.dir.label.Repo(), b.dir.label.Dir(), g)
	if err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(p string) bool { return p == workspace.BuildFile })
	if len(paths) == 0 && !allowEmpty {
		return nil, fmt.Errorf("glob(%s) matches nothing; if that is right, say allow_empty = True", include)
	}
	values := make([]starlark.Value, len(paths))
	for i, p := range paths {
		values[i] = starlark.String(p)
	}
	return starlark.NewList(values), nil
}

func stringsOf(l *starlark.List) ([]string, error) {
	if l == nil {
		return nil, nil
	}
	out := make([]string, 0, l.Len())
	for e := range starlark.Elements(l) {
		s, ok := starlark.AsString(e)
		if !ok {
			return nil, fmt.Errorf("got %s, want string", e.Type())
		}
		out = append(out, s)
	}
	return out, nil
}

func callPackageName(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return starlark.String(b.dir.label.Dir()), starlark.UnpackArgs("package_name", args, kwargs)
}

func callRepoName(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return starlark.String(b.dir.label.Repo()), starlark.UnpackArgs("repo_name", args, kwargs)
}

func callExistingRule(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("existing_rule", args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	t, ok := b.dir.targets[name]
	if !ok {
		return starlark.None, nil
	}
	return t.describe()
}

func callExistingRules(b *builder, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("existing_rules", args, kwargs); err != nil {
		return nil, err
	}
	all := new(starlark.Dict)
	for _, name := range slices.Sorted(maps.Keys(b.dir.targets)) {
		d, err := b.dir.targets[name].describe()
		if err != nil {
			return nil, err
		}
		if err := all.SetKey(starlark.String(name), d); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// describe is a target as a dict: its attributes, and its rule as "kind".
func (t *Target) describe() (starlark.Value, error) {
	d := new(starlark.Dict)
	if err := d.SetKey(starlark.String("kind"), starlark.String(t.Kind())); err != nil {
		return nil, err
	}
	for _, name := range t.Attributes() {
		if v, ok := t.values[name]; ok && v != nil {
			if err := d.SetKey(starlark.String(name), v); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}
