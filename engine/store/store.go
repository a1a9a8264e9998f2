package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
)

// ErrMissing: the blob or result is not here. Blobs that are missing come as a
// *Missing, which names them.
var ErrMissing = errors.New("not in the store")

// Missing names a blob that is not in the store, or was found damaged and has
// been discarded. errors.Is(err, ErrMissing) holds.
type Missing struct{ Digest digest.Digest }

func (m *Missing) Error() string { return fmt.Sprintf("blob %s is not in the store", m.Digest) }

// Is makes a Missing an ErrMissing.
func (m *Missing) Is(target error) bool { return target == ErrMissing }

// Mismatch: bytes do not have the digest that they were put under. Nothing has
// been stored.
type Mismatch struct{ Want, Got digest.Digest }

func (m *Mismatch) Error() string { return fmt.Sprintf("put blob: got %s, want %s", m.Got, m.Want) }

// CAS is content-addressed storage: what is put under a digest is what comes
// out, or nothing does. A blob is immutable.
type CAS interface {
	// Missing returns those of the digests that are not here, in their order.
	Missing(ctx context.Context, ds []digest.Digest) ([]digest.Digest, error)

	// Open opens a blob. A blob whose bytes turn out not to have the digest gives
	// a *Missing, at Open or at the end of reading it front to back.
	Open(ctx context.Context, d digest.Digest) (action.Blob, error)

	// Put stores the bytes of r, which must have the digest d: a *Mismatch otherwise.
	Put(ctx context.Context, d digest.Digest, r io.Reader) error

	// Create starts a blob whose digest is not known yet.
	Create(ctx context.Context) (Writer, error)
}

// Writer takes the bytes of a new blob. Close without Commit throws them away;
// Close after Commit does nothing.
type Writer interface {
	io.Writer
	Commit() (digest.Digest, error)
	io.Closer
}

// ActionCache keeps results by action digest.
type ActionCache interface {
	// Get returns the result of the action with r's key, or ErrMissing. All that
	// the result names was there when it was asked.
	Get(ctx context.Context, r *action.Request) (*action.Result, error)

	// Put records a result. It may take effect later, after everything the result
	// names is durable.
	Put(ctx context.Context, r *action.Request, result *action.Result) error
}
