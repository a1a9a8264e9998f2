package tree

import (
	"context"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Layered looks for directories in memory first and then in Below, and puts
// them in memory only: for trees that are composed to be named, and seldom read.
type Layered struct {
	Memory
	Below Source
}

// Directory finds a directory in either place.
func (l *Layered) Directory(ctx context.Context, d digest.Digest) (*Directory, error) {
	if dir, err := l.Memory.Directory(ctx, d); err == nil {
		return dir, nil
	}
	return l.Below.Directory(ctx, d)
}
