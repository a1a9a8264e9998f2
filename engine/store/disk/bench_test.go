package disk_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/tree"
)

func BenchmarkPutSmall(b *testing.B) {
	s := open(b, b.TempDir())
	content := make([]byte, 4096)
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(content, uint64(i))
		if _, err := store.PutBytes(b.Context(), s, content); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutLarge(b *testing.B) {
	s := open(b, b.TempDir())
	content := make([]byte, 16<<20)
	b.SetBytes(int64(len(content)))
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(content, uint64(i))
		d := digest.Of(content)
		if err := s.Put(b.Context(), d, bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
		removeBlob(b, s, d)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := open(b, b.TempDir())
	content := make([]byte, 4096)
	d, err := store.PutBytes(b.Context(), s, content)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := store.Bytes(b.Context(), s, d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMissing(b *testing.B) {
	s := open(b, b.TempDir())
	d, err := store.PutBytes(b.Context(), s, []byte("here"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if m, err := s.Missing(b.Context(), []digest.Digest{d}); err != nil || len(m) > 0 {
			b.Fatal(m, err)
		}
	}
}

// largeOutput is 6,000 files of 4 KiB in 300 directories; salt makes them others.
func largeOutput(b *testing.B, root string, salt int) {
	content := make([]byte, 4096)
	binary.LittleEndian.PutUint64(content, uint64(salt))
	for i := range 300 {
		dir := filepath.Join(root, fmt.Sprintf("d%d/d%d", i/20, i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range 20 {
			binary.LittleEndian.PutUint64(content[8:], uint64(i*20+j))
			if err := os.WriteFile(fmt.Sprintf("%s/f%d", dir, j), content, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAdopt6000(b *testing.B) {
	s := open(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		out := filepath.Join(scratch(b, s), "out")
		largeOutput(b, out, i)
		b.StartTimer()
		adopt(b, s, out)
	}
}

// BenchmarkCheck6000 is the first Path of a tree in a process.
func BenchmarkCheck6000(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	out := filepath.Join(scratch(b, s), "out")
	largeOutput(b, out, 0)
	n := adopt(b, s, out)
	for b.Loop() {
		b.StopTimer()
		again := open(b, dir)
		b.StartTimer()
		pathOf(b, again, n)
	}
}

func BenchmarkMaterialize6000(b *testing.B) {
	s := open(b, b.TempDir())
	out := filepath.Join(scratch(b, s), "out")
	largeOutput(b, out, 0)
	n := adopt(b, s, out)
	for b.Loop() {
		b.StopTimer()
		if err := os.RemoveAll(pathOf(b, s, n)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		pathOf(b, s, n)
	}
}

// results is a store with n results, each with a file and a tree of its own.
func results(b *testing.B, s *disk.Store, n int) []*action.Request {
	requests := make([]*action.Request, n)
	for i := range requests {
		owner, err := label.New("", fmt.Sprintf("d%d", i), "t")
		if err != nil {
			b.Fatal(err)
		}
		d, err := store.PutBytes(b.Context(), s, []byte(fmt.Sprint("file ", i)))
		if err != nil {
			b.Fatal(err)
		}
		dir, err := tree.New([]tree.Entry{{Name: "f", Node: tree.NewFile(d, false)}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Trees().PutDirectory(b.Context(), dir); err != nil {
			b.Fatal(err)
		}
		pathOf(b, s, dir.Node())
		a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Bench", Work: &action.Command{
			Argv: []string{"/bin/true", fmt.Sprint(i)},
			Outputs: []action.Output{
				{Name: "/out", Artifact: action.NewDerived(owner, "out", true)},
				{Name: "/log", Artifact: action.NewDerived(owner, "log", false)},
			},
		}})
		if err != nil {
			b.Fatal(err)
		}
		if requests[i], err = action.NewRequest(b.Context(), a, nil, &tree.Memory{}); err != nil {
			b.Fatal(err)
		}
		err = s.Results().Put(b.Context(), requests[i], &action.Result{Outputs: map[string]tree.Node{
			"/out": dir.Node(), "/log": tree.NewFile(d, false),
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return requests
}

func BenchmarkHit(b *testing.B) {
	s := open(b, b.TempDir())
	requests := results(b, s, 10_000)
	for i := 0; b.Loop(); i++ {
		if _, err := s.Results().Get(b.Context(), requests[i%len(requests)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFlushOne(b *testing.B) {
	s := open(b, b.TempDir())
	requests := results(b, s, 1)
	result, err := s.Results().Get(b.Context(), requests[0])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Results().Put(b.Context(), requests[0], result); err != nil {
			b.Fatal(err)
		}
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
