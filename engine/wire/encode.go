package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kittyhawk/appliance/engine/digest"
)

// message collects the fields of one protobuf message. Default values are
// left out, as proto3's canonical form wants.
type message []byte

func (m *message) string(field protowire.Number, s string) {
	if s != "" {
		m.always(field, []byte(s))
	}
}

// always writes a length-delimited field even when it is empty: an element of
// a repeated field.
func (m *message) always(field protowire.Number, b []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, b)
}

func (m *message) varint(field protowire.Number, v uint64) {
	if v != 0 {
		*m = protowire.AppendTag(*m, field, protowire.VarintType)
		*m = protowire.AppendVarint(*m, v)
	}
}

func (m *message) bool(field protowire.Number, v bool) {
	if v {
		m.varint(field, 1)
	}
}

// digest writes a Digest message; the zero digest is an absent field.
func (m *message) digest(field protowire.Number, d digest.Digest) {
	if d.IsZero() {
		return
	}
	var sub message
	sub.string(1, d.Hex())
	sub.varint(2, uint64(d.Size()))
	m.always(field, sub)
}
