// Package query answers questions about targets and their dependencies in Bazel's
// query language (https://bazel.build/query/language).
//
// It owns the language, its evaluation over a Graph, and the forms in which
// answers are printed. It does not know where targets come from: whoever calls
// brings the Graph.
package query
