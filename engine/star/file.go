package star

import (
	"path"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/action"
)

// File is an artifact as a Starlark value. Files are equal when their artifacts
// are the same.
type File struct{ artifact *action.Artifact }

// NewFile wraps an artifact.
func NewFile(a *action.Artifact) File { return File{a} }

// Artifact is what f stands for.
func (f File) Artifact() *action.Artifact { return f.artifact }

var _ starlark.HasAttrs = File{}

func (f File) Freeze()               {}
func (f File) Truth() starlark.Bool  { return true }
func (f File) Type() string          { return "File" }
func (f File) Hash() (uint32, error) { return starlark.String(f.artifact.Path()).Hash() }

func (f File) String() string {
	kind := "generated file "
	if f.artifact.Origin() == action.Source {
		kind = "source file "
	}
	return "<" + kind + f.artifact.Path() + ">"
}

func (f File) AttrNames() []string {
	return []string{"basename", "dirname", "extension", "is_directory", "is_source", "owner", "path", "short_path"}
}

func (f File) Attr(name string) (starlark.Value, error) {
	p := f.artifact.Path()
	switch name {
	case "basename":
		return starlark.String(path.Base(p)), nil
	case "dirname":
		return starlark.String(path.Dir(p)), nil
	case "extension":
		return starlark.String(extension(p)), nil
	case "is_directory":
		return starlark.Bool(f.artifact.IsTree()), nil
	case "is_source":
		return starlark.Bool(f.artifact.Origin() == action.Source), nil
	case "owner":
		return Label{f.artifact.Owner()}, nil
	case "path", "short_path":
		return starlark.String(p), nil
	}
	return nil, nil
}
