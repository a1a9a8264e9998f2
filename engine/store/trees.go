package store

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Trees is a tree.Store over a CAS. Directories that were read or put once stay
// in memory; they are immutable.
type Trees struct {
	cas  CAS
	seen tree.Memory
}

// NewTrees keeps directories in cas.
func NewTrees(cas CAS) *Trees { return &Trees{cas: cas} }

// Directory reads the directory d; bytes that are no canonical Directory are an
// error, bytes that are not there a *Missing.
func (t *Trees) Directory(ctx context.Context, d digest.Digest) (*tree.Directory, error) {
	if dir, err := t.seen.Directory(ctx, d); err == nil {
		return dir, nil
	}
	b, err := Bytes(ctx, t.cas, d)
	if err != nil {
		return nil, err
	}
	dir, err := tree.Decode(b)
	if err != nil {
		return nil, err
	}
	return dir, t.seen.PutDirectory(ctx, dir)
}

// PutDirectory stores d.
func (t *Trees) PutDirectory(ctx context.Context, d *tree.Directory) error {
	if _, err := t.seen.Directory(ctx, d.Digest()); err == nil {
		return nil
	}
	if err := t.cas.Put(ctx, d.Digest(), bytes.NewReader(d.Encoded())); err != nil {
		return fmt.Errorf("store directory %s: %w", d.Digest().Short(), err)
	}
	return t.seen.PutDirectory(ctx, d)
}

// Bytes reads a whole blob.
func Bytes(ctx context.Context, cas CAS, d digest.Digest) ([]byte, error) {
	b, err := cas.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

// PutBytes stores b.
func PutBytes(ctx context.Context, cas CAS, b []byte) (digest.Digest, error) {
	d := digest.Of(b)
	return d, cas.Put(ctx, d, bytes.NewReader(b))
}
