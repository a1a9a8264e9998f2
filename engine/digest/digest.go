package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// Size is the length of a hash in bytes.
const Size = sha256.Size

// Digest is the SHA-256 and the length of some bytes. The zero Digest names
// nothing; Empty names the empty string.
type Digest struct {
	hash [Size]byte
	size int64
}

// Empty is the digest of no bytes.
var Empty = Of(nil)

// Of digests b.
func Of(b []byte) Digest {
	return Digest{sha256.Sum256(b), int64(len(b))}
}

// New puts a digest together from a hash of 64 lower-case hexadecimal digits
// and a size in bytes.
func New(hexHash string, size int64) (Digest, error) {
	hash, err := ParseHash(hexHash)
	if err != nil {
		return Digest{}, err
	}
	if size < 0 {
		return Digest{}, fmt.Errorf("digest %s: negative size %d", hexHash, size)
	}
	return Digest{hash, size}, nil
}

// ParseHash reads a SHA-256 written as 64 lower-case hexadecimal digits.
func ParseHash(s string) ([Size]byte, error) {
	var hash [Size]byte
	if len(s) != 2*Size {
		return hash, fmt.Errorf("sha256 %q: got %d characters, want %d hexadecimal digits", s, len(s), 2*Size)
	}
	if strings.ToLower(s) != s {
		return hash, fmt.Errorf("sha256 %q: want lower-case hexadecimal digits", s)
	}
	if _, err := hex.Decode(hash[:], []byte(s)); err != nil {
		return hash, fmt.Errorf("sha256 %q: want hexadecimal digits", s)
	}
	return hash, nil
}

// Parse reads what String prints: "<64 hexadecimal digits>/<size>".
func Parse(s string) (Digest, error) {
	hexHash, size, ok := strings.Cut(s, "/")
	if !ok {
		return Digest{}, fmt.Errorf("digest %q: want HASH/SIZE", s)
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != size {
		return Digest{}, fmt.Errorf("digest %q: bad size", s)
	}
	return New(hexHash, n)
}

// String is "<hash>/<size>"; Parse reads it back.
func (d Digest) String() string { return d.Hex() + "/" + strconv.FormatInt(d.size, 10) }

// Hex is the hash as 64 lower-case hexadecimal digits.
func (d Digest) Hex() string { return hex.EncodeToString(d.hash[:]) }

// Short is the first eight hexadecimal digits, for people.
func (d Digest) Short() string { return hex.EncodeToString(d.hash[:4]) }

// Hash is the raw hash.
func (d Digest) Hash() [Size]byte { return d.hash }

// Size is the number of bytes digested.
func (d Digest) Size() int64 { return d.size }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Compare orders digests by hash, then size.
func (d Digest) Compare(e Digest) int {
	if c := strings.Compare(string(d.hash[:]), string(e.hash[:])); c != 0 {
		return c
	}
	switch {
	case d.size < e.size:
		return -1
	case d.size > e.size:
		return 1
	}
	return 0
}

// A Hasher digests what is written to it.
type Hasher struct {
	h hash.Hash
	n int64
}

// NewHasher starts with no bytes.
func NewHasher() *Hasher { return &Hasher{h: sha256.New()} }

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.h.Write(p)
}

// Digest is the digest of all that was written so far.
func (h *Hasher) Digest() Digest {
	var d Digest
	h.h.Sum(d.hash[:0])
	d.size = h.n
	return d
}

// OfReader digests r up to its end.
func OfReader(r io.Reader) (Digest, error) {
	h := NewHasher()
	if _, err := io.Copy(h, r); err != nil {
		return Digest{}, err
	}
	return h.Digest(), nil
}
