// Package mem keeps blobs and results in memory.
//
// It is for tests of what is built on a store. It forgets nothing and never
// writes to a disk.
package mem
