package tree

import (
	"context"
	"fmt"
	"sync"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Memory is a Store that keeps directories in memory. It may be used by many
// goroutines. The zero Memory is ready.
type Memory struct {
	dirs sync.Map // digest.Digest -> *Directory
}

// Directory finds a directory that was put.
func (m *Memory) Directory(_ context.Context, d digest.Digest) (*Directory, error) {
	if d == Empty.digest {
		return Empty, nil
	}
	if v, ok := m.dirs.Load(d); ok {
		return v.(*Directory), nil
	}
	return nil, fmt.Errorf("directory %s is not in memory", d)
}

// PutDirectory keeps d.
func (m *Memory) PutDirectory(_ context.Context, d *Directory) error {
	m.dirs.Store(d.digest, d)
	return nil
}
