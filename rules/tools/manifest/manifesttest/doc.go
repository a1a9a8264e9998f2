// Package manifesttest helps to test what is written from manifests: it makes
// entries, holds the contents of files, and gives streams that fail.
package manifesttest
