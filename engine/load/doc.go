// Package load runs Starlark files and gives the targets they declare.
//
// Build directories are loaded when they are asked for, each once, on all
// cores; so are the .star files they load. Everything a file got wrong is kept
// with what it declares, so that a person sees all problems of a request at
// once.
//
// Before any file is run, the settings of the workspace are read and its layers
// are opened, and theirs: load statements need them.
//
// It does not know what a rule does: a Target is a rule with checked arguments,
// frozen, without a configuration.
package load
