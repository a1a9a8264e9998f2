// Package label names targets and sets of them.
//
// A label is "@repo//dir:name": the workspace or layer, the build directory in
// it, and the target. It owns the grammar (Bazel's, https://bazel.build/concepts/labels)
// and nothing else: it does not know whether what it names exists.
package label
