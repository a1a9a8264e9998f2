// Package compose lays layers over one another to one root file system: its
// manifest and the tree of its contents.
//
// It owns what happens where layers meet: default owners and modes, the rules
// that change them, collisions, accounts and home directories, device nodes, and
// the checks that a machine would otherwise fail at run time (a library that is
// missing, a link that points nowhere, a program for another machine). It does
// not know where layers come from, nor how an image stores the result.
// DESIGN.md, "Root file system".
//
// Everything that is wrong is reported at once, sorted by path.
package compose
