// Package budget says whether an image is larger than it may be, and what in it
// is to blame.
//
// It owns the sentence. It does not know the formats: a limit is in bytes of the
// finished image, the blame in bytes of content before compression.
package budget
