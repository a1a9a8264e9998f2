package query

import (
	"context"

	"github.com/kittyhawk/appliance/engine/label"
)

// Graph is the targets that a query is about. It may have cycles. Errors of a
// Graph end the query.
type Graph interface {
	Edges
	Facts
}

// Edges are the targets and what they depend on.
type Edges interface {
	// Expand is the targets that a word of the query names: a label or a pattern,
	// perhaps relative to a build directory that the Graph knows.
	Expand(ctx context.Context, pattern string) ([]label.Label, error)
	// Deps are the direct dependencies of a target, source files too.
	Deps(ctx context.Context, target label.Label) ([]label.Label, error)
}

// Facts are what single targets are.
type Facts interface {
	// Kind is "ext2_image rule", "source file" or the like.
	Kind(ctx context.Context, target label.Label) (string, error)
	// Attr is an attribute as text, lists as "[a, b]"; ok is false where the target
	// has none of that name.
	Attr(ctx context.Context, target label.Label, name string) (value string, ok bool, err error)
	// AttrLabels are the labels in an attribute; none where there is no such
	// attribute.
	AttrLabels(ctx context.Context, target label.Label, name string) ([]label.Label, error)
	// BuildFile is the file that declares a target.
	BuildFile(ctx context.Context, target label.Label) (label.Label, error)
}
