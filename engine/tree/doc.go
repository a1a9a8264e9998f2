// Package tree is an immutable Merkle tree of files, directories and symbolic
// links.
//
// A tree carries names, bytes (by digest), the executable bit and links, and
// nothing else: no owner, mode, time or device (engine/DESIGN.md, "What an
// artifact is"). A Directory is REAPI's Directory message; trees that share a
// directory share the value.
//
// It owns the shape of trees and the operations on them: walk, look up, compose.
// It does not know where directories are kept: whoever calls brings a Store.
package tree
