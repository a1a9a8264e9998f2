// Package star is the values that Starlark files work with: rule, attribute,
// provider, depset, select, label, file, transition.
//
// The API and its meaning are Bazel's (https://bazel.build/rules/lib). The
// package owns the values, how attributes are checked, and how an error of the
// interpreter becomes a diag.Problem. It does not know where files come from
// (load) or what a rule's implementation may do (analyze): both are met through
// the Environment of a thread.
package star
