// Package store keeps blobs by digest and results by action digest.
//
// It owns the two interfaces that everything below the plan is written against,
// CAS and ActionCache, and what can be said about them in general. The
// implementations live below it: store/disk on this machine, store/mem for tests;
// store/storetest is the suite that each of them passes.
//
// It does not know what blobs mean, who produces results, or which are still wanted.
package store
