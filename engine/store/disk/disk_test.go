package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/store/storetest"
)

func open(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// removeBlob deletes the files of a blob, as a person would.
func removeBlob(t testing.TB, s *disk.Store, d digest.Digest) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "cas", d.Hex()[:2], d.Hex()+"-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("blob %s: files %v, %v", d, files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := open(t, t.TempDir())
		return storetest.Store{CAS: s, Results: s.Results(), Remove: func(d digest.Digest) { removeBlob(t, s, d) }}
	})
}
