// Package keys holds the public keys by which tool roots trust archives. It does
// not know how signatures are verified. README.md lists the fingerprints and where
// the keys are from.
package keys
