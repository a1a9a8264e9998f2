package disk

import (
	"github.com/kittyhawk/appliance/engine/digest"
)

const memoFormat = "appliance memo 1"

// Recall finds what Remember kept under a digest of all that it depends on. It
// may have been forgotten.
func (s *Store) Recall(key digest.Digest) ([]byte, bool) {
	value, err := s.readRecord(s.at("memo", key), memoFormat)
	return value, err == nil
}

// Remember keeps a small result. A disk that does not take it means that it is
// forgotten.
func (s *Store) Remember(key digest.Digest, value []byte) {
	s.writeFile(s.at("memo", key), formatRecord(memoFormat, value))
}
