// Package lock pins the packages of a tool root: from the names that are wanted and
// the signed indices of Debian archives to a list of files by sha256.
//
// It verifies what archives say (the OpenPGP signature of the Release file, its
// dates, the digest of each index), resolves names to a closure, and prints and
// parses lock files. The same request on the same indices gives the same bytes.
//
// Relations are Depends and Pre-Depends (Debian Policy, chapter 7); Conflicts and
// Breaks are not looked at, because the packages are laid over one another, not
// installed: what clashes is told when trees are merged. Recommends are not taken.
//
// It does not know the network, mirrors' addresses or where keys are kept: a Get
// and a keyring are handed in.
package lock
