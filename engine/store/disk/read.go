package disk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

// Open opens a blob. Whoever reads it front to back gets a *store.Missing in
// place of io.EOF when the bytes are not those of the digest; ReadAt does not
// check.
func (s *Store) Open(ctx context.Context, d digest.Digest) (action.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d == digest.Empty {
		return nothing{bytes.NewReader(nil)}, nil
	}
	for _, executable := range []bool{false, true} {
		ok, err := s.present(d, executable)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		f, err := os.Open(s.blobPath(d, executable))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &reader{s: s, d: d, f: f, hash: digest.NewHasher()}, nil
	}
	return nil, &store.Missing{Digest: d}
}

// reader hashes what is read.
type reader struct {
	s    *Store
	d    digest.Digest
	f    *os.File
	hash *digest.Hasher
	read int64 // bytes hashed
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	r.hash.Write(p[:n])
	r.read += int64(n)
	if (r.read == r.d.Size() || err == io.EOF) && r.hash.Digest() != r.d {
		return n, r.s.damaged(r.d, r.f.Name())
	}
	return n, err
}

// damaged removes a file that is not the blob d.
func (s *Store) damaged(d digest.Digest, path string) error {
	missing := &store.Missing{Digest: d}
	if err := s.discard(path); err != nil {
		return errors.Join(missing, err)
	}
	return missing
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) { return r.f.ReadAt(p, off) }
func (r *reader) Close() error                            { return r.f.Close() }
func (r *reader) Size() int64                             { return r.d.Size() }

// nothing is the empty blob.
type nothing struct{ *bytes.Reader }

func (nothing) Close() error { return nil }
