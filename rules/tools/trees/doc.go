// Package trees composes and cuts trees by digest: no file is read.
//
// Its tool "merge" lays trees over one another and adds declared links, which is
// how the packages of a tool root become one root file system; its tool "select"
// takes a part of a tree, which is how an install tree is split into runtime,
// development and documentation parts. Selection, the set of paths that include
// and exclude patterns describe, is shared with whoever unpacks.
//
// The package knows Debian's merged /usr, because trees can only be merged when
// they agree on it. It does not know packages, archives or ELF.
package trees
