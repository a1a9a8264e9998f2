package mem_test

import (
	"testing"

	"github.com/kittyhawk/appliance/engine/store/mem"
	"github.com/kittyhawk/appliance/engine/store/storetest"
)

// The tests of everything above stand on this store: it has to behave as the one
// on disk does.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := mem.New()
		return storetest.Store{CAS: s, Results: s.Results(), Remove: s.Remove}
	})
}
