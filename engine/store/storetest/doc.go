// Package storetest says in tests what a store must do.
//
// Every implementation of store.CAS and store.ActionCache, and every wrapper
// around them, passes Run. It does not know how a store works inside.
package storetest
