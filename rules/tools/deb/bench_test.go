package deb

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// counter is a TreeWriter that counts bytes and keeps nothing.
type counter struct{ bytes *atomic.Int64 }

func (counter) Directory(string) error                      { return nil }
func (c counter) File(string, bool) (io.WriteCloser, error) { return c, nil }
func (c counter) Write(p []byte) (int, error)               { c.bytes.Add(int64(len(p))); return len(p), nil }
func (counter) Symlink(string, string) error                { return nil }
func (counter) Link(string, string) error                   { return nil }
func (counter) Add(string, tree.Node) error                 { return nil }
func (counter) Close() error                                { return nil }

// With APPLIANCE_TEST_DEBS set to a directory of packages, all of them are
// unpacked, as many at a time as there are cores: what a tool root costs before
// anything is written.
func BenchmarkUnpack(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("APPLIANCE_TEST_DEBS"), "*.deb"))
	if err != nil || len(files) == 0 {
		b.Skip("APPLIANCE_TEST_DEBS names no packages")
	}
	packages := make([][]byte, len(files))
	packed := 0
	for i, f := range files {
		if packages[i], err = os.ReadFile(f); err != nil {
			b.Fatal(err)
		}
		packed += len(packages[i])
	}
	for b.Loop() {
		var unpacked atomic.Int64
		var next atomic.Int64
		var all sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			all.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(packages)); i = next.Add(1) - 1 {
					if err := Unpack(context.Background(), bytes.NewReader(packages[i]), trees.Selection{}, counter{&unpacked}); err != nil {
						b.Errorf("%s: %v", files[i], err)
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(packed)/1e6, "packed-MB")
		b.ReportMetric(float64(unpacked.Load())/1e6, "unpacked-MB")
	}
}
