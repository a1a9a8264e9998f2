package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kittyhawk/appliance/engine/digest"
)

// field is one decoded field: bytes for length-delimited ones, number for
// varints.
type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// fields calls visit for each field of b. Fields of other wire types are
// skipped: a newer writer may add them.
func fields(b []byte, visit func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind != protowire.BytesType && kind != protowire.VarintType {
			continue
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func decodeDigest(b []byte) (digest.Digest, error) {
	var hash string
	var size int64
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			hash = string(f.bytes)
		case 2:
			size = int64(f.varint)
		}
		return nil
	})
	if err != nil {
		return digest.Digest{}, err
	}
	d, err := digest.New(hash, size)
	if err != nil {
		return digest.Digest{}, fmt.Errorf("Digest message: %w", err)
	}
	return d, nil
}
