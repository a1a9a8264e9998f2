// Package treetest is an action.Call in memory, for the tests of tools.
//
// It is as strict as the contract allows: what the contract calls an error is one
// here. Trees are written and shown as maps from path to one line:
//
//	"dir"            an empty directory
//	"file CONTENT"   a file
//	"exec CONTENT"   an executable file
//	"link TARGET"    a symbolic link
package treetest
