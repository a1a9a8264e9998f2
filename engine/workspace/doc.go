// Package workspace is the only reader of the source tree: file bytes, digests,
// globs, and which directories are build directories.
//
// A workspace is the main repository, named "", and further ones by name: layers
// on disk and file systems embedded in the program. All paths are slash
// separated and relative to the root of their repository.
//
// It does not know Starlark (Find and the search for build directories look at
// no more than whether a file declares a workspace), and it never writes below
// a root.
package workspace
