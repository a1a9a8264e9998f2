// Package wire turns plain values into the canonical bytes of the Remote
// Execution API's messages, and back.
//
// A cache key is a digest of such bytes, so there is one encoding for one value:
// fields in the order of their numbers, defaults left out, lists sorted as the
// API demands (build/bazel/remote/execution/v2/remote_execution.proto, messages
// Directory, Command, Action, ActionResult). It is written by hand on protobuf's
// own low-level encoder because generated code does not promise stable bytes;
// a test holds the result against the generated code all the same.
//
// It does not know where the values come from or what the bytes are used for.
package wire
