// Package digest names bytes by what they are: SHA-256 and size.
//
// It owns the project's one hash function; nothing else imports crypto/sha256.
// It does not know what the bytes mean or where they are kept.
//
// A Digest is the REAPI message of the same name (build/bazel/remote/execution/v2,
// message Digest) as a comparable Go value.
package digest
