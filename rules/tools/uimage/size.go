package uimage

import "fmt"

// SizeError is the error of an image that is larger than it may be.
type SizeError struct {
	What  string // what is too large, "image" or "data"
	Limit int64  // bytes allowed
	Size  int64  // bytes there are
}

// Over is the number of bytes that have to go.
func (e *SizeError) Over() int64 { return e.Size - e.Limit }

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s too large: got %d bytes, want at most %d: %d bytes over the limit", e.What, e.Size, e.Limit, e.Over())
}

// CheckSize gives a *SizeError if the whole image, header included, is larger
// than limit bytes. A limit of 0 or less is none.
func (h Header) CheckSize(limit int64) error {
	if limit <= 0 || h.ImageSize() <= limit {
		return nil
	}
	return &SizeError{What: "image", Limit: limit, Size: h.ImageSize()}
}
