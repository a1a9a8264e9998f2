// Package fetch turns URLs and an expected SHA-256 into a blob of a store.
//
// It is the only user of net/http. It owns the order in which places are tried
// (directories of the user, then URLs, with mirror:// URLs spread over the
// mirrors of that name), retries, resuming, and the error that says what was
// tried. Bytes that do not have the digest never get into the store, so it does
// not matter who serves them.
//
// It reads no environment and no configuration of the host, and does not know
// what is fetched or what for.
package fetch
