package ext2

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// benchTree is a tree of 256 MiB in 10,000 files on disk, as a store and
// mke2fs -d read it.
func benchTree(b *testing.B) (root string, m *manifest.Manifest) {
	b.Helper()
	const files, size = 10000, 256 << 20
	root = b.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	source := make([]byte, 1<<20)
	for i := range source {
		source[i] = byte(rng.Uint32())
	}
	entries := []manifest.Entry{manifesttest.Dir("")}
	for i := range files {
		if i%100 == 0 {
			sub := fmt.Sprintf("dir%02d", i/100)
			entries = append(entries, manifesttest.Dir(sub))
			if err := os.Mkdir(filepath.Join(root, sub), 0o755); err != nil {
				b.Fatal(err)
			}
		}
		path := fmt.Sprintf("dir%02d/file%04d", i/100, i)
		content := source[rng.IntN(1<<19):][:rng.IntN(2*size/files)]
		entries = append(entries, manifesttest.File(path, digest.Of(content)))
		if err := os.WriteFile(filepath.Join(root, path), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return root, manifesttest.New(b, entries)
}

func opener(root string) OpenFunc {
	return func(e manifest.Entry) (io.ReadCloser, error) { return os.Open(filepath.Join(root, e.Path)) }
}

// BenchmarkImage compares plan and write of one image, to a file and to
// nowhere, with mke2fs -d on the same tree and size, and with the pre-pass that
// looks for holes.
func BenchmarkImage(b *testing.B) {
	root, m := benchTree(b)
	out := filepath.Join(b.TempDir(), "image")
	o := Options{BlockSize: 1024, FreeBytes: 4 << 20}
	size := mustPlan(b, m, o).Size()
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			mustPlan(b, m, o)
		}
	})
	b.Run("holes", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := FindHoles(context.Background(), m, o.BlockSize, opener(root)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("discard", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if err := mustPlan(b, m, o).Write(context.Background(), io.Discard, opener(root)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("file", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			benchWrite(b, out, mustPlan(b, m, o), opener(root))
		}
	})
	b.Run("mke2fs", func(b *testing.B) {
		mke2fs := judge.Tool(b, "mke2fs")
		b.SetBytes(size)
		for b.Loop() {
			os.Remove(out)
			cmd := exec.Command(mke2fs, "-q", "-t", "ext2", "-b", "1024", "-m", "0", "-N", "12000", "-d", root, out, fmt.Sprint(size>>10+4096))
			if text, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("mke2fs: %v\n%s", err, text)
			}
		}
	})
}

func benchWrite(b *testing.B, path string, l *Layout, open OpenFunc) {
	b.Helper()
	os.Remove(path) // like mke2fs, into a new file
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Write(context.Background(), f, open); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
