package main

import (
	"errors"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/store/disk"
)

// cacheDir is the absolute path of the cache.
func (p *program) cacheDir() (string, error) {
	if p.global.cache != "" {
		return p.path(p.global.cache), nil
	}
	dir, err := p.env.cacheDir()
	return p.path(dir), err
}

// withStore opens the cache for one use. There is a cache afterwards.
func (p *program) withStore(use func(*disk.Store) error) (err error) {
	dir, err := p.cacheDir()
	if err != nil {
		return err
	}
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return use(store)
}

// openStore opens the cache in dir. That it is of no use is the machine's
// trouble: there are other places.
func openStore(dir string) (*disk.Store, error) {
	store, err := disk.Open(dir, disk.Options{})
	if err == nil {
		return store, nil
	}
	return nil, &diag.Problem{
		Kind:  diag.Environment,
		Text:  err.Error(),
		Hint:  "choose another place with --cache or APPLIANCE_CACHE",
		Cause: err,
	}
}
