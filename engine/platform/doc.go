// Package platform is where things run: constraints, platforms and
// configurations, as plain values.
//
// The words are Bazel's (https://bazel.build/extending/platforms). The package
// does not know which constraints exist or what they mean; whoever reads the
// declarations makes the values.
package platform
