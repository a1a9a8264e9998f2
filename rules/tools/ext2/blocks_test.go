package ext2

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// Files that end just before, at and after each step of the block map, sparse
// and dense, are read back byte by byte.
func TestBlockMapSteps(t *testing.T) {
	const bs, fanout = 1024, 256
	steps := []int64{12, 12 + fanout, 12 + fanout + fanout, 12 + fanout + fanout*fanout}
	if testing.Short() {
		steps = steps[:3]
	}
	for _, step := range steps {
		for _, more := range []int64{-1, 0, 1} {
			size := (step+more)*bs - 3
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				c := manifesttest.Contents{}
				m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(int(size))))})
				image := writeImage(t, mustPlan(t, m, Options{}), c.Open)
				fsck(t, image)
				compareFile(t, image, m)
			})
		}
	}
}

// Blocks of zeros take no space, and come back as zeros.
func TestHoles(t *testing.T) {
	const bs = 1024
	c := manifesttest.Contents{}
	scattered := make([]byte, 70<<20+5) // reaches into the tree of height 3
	for i := 0; i < len(scattered); i += 7 << 20 {
		scattered[i] = 1
	}
	head := slices.Concat(make([]byte, 20*bs), pattern(5*bs), make([]byte, 300*bs))
	m := manifesttest.New(t, []manifest.Entry{
		manifesttest.Dir(""),
		manifesttest.File("all", c.Add(make([]byte, 3<<20))),
		manifesttest.File("dense", c.Add(pattern(20*bs))),
		manifesttest.File("head", c.Add(head)),
		manifesttest.File("scattered", c.Add(scattered)),
		manifesttest.File("tiny", c.Add([]byte{0})),
	})
	holes, err := FindHoles(context.Background(), m, bs, c.Open)
	if err != nil {
		t.Fatal(err)
	}
	l := mustPlan(t, m, Options{Holes: holes})
	image := writeImage(t, l, c.Open)
	fsck(t, image)
	compareFile(t, image, m)
	if l.Size() > 256<<10 {
		t.Errorf("image of %d bytes, want the holes left out", l.Size())
	}
}

// zeroFile reads as size zeros with one byte that is not, at its end.
type zeroFile struct{ at, size int64 }

func (z *zeroFile) Read(p []byte) (int, error) {
	if z.at == z.size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.size-z.at)
	clear(p[:n])
	z.at += n
	if z.at == z.size {
		p[n-1] = 1
	}
	return int(n), nil
}

func (z *zeroFile) Close() error { return nil }

// A file above 2 GiB needs large_file, which older tools refuse, so only then.
func TestLargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads several GiB")
	}
	open := func(e manifest.Entry) (io.ReadCloser, error) { return &zeroFile{size: e.Size()}, nil }
	for _, size := range []int64{1<<31 - 1, 1 << 31} {
		d, err := digest.OfReader(&zeroFile{size: size})
		if err != nil {
			t.Fatal(err)
		}
		m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", d)})
		holes, err := FindHoles(context.Background(), m, 4096, open)
		if err != nil {
			t.Fatal(err)
		}
		image := writeImage(t, mustPlan(t, m, Options{BlockSize: 4096, Holes: holes}), open)
		fsck(t, image)
		w := compareFile(t, image, m)
		if got, want := w.super32(100)&2 != 0, size >= 1<<31; got != want {
			t.Errorf("%d bytes: large_file is %v, want %v", size, got, want)
		}
	}
}

// Ten thousand long names in one directory.
func TestLargeDirectory(t *testing.T) {
	for _, o := range []Options{{BlockSize: 1024}, {BlockSize: 4096}, {BlockSize: 1024, Level: Rev0}} {
		c := manifesttest.Contents{}
		d := c.Add([]byte("x"))
		entries := []manifest.Entry{manifesttest.Dir(""), manifesttest.Dir("d")}
		for i := range 10000 {
			entries = append(entries, manifesttest.File(fmt.Sprintf("d/%0255d", i), d))
		}
		m := manifesttest.New(t, entries)
		image := writeImage(t, mustPlan(t, m, o), c.Open)
		fsck(t, image)
		compareFile(t, image, m)
	}
}

// Many groups, so that backups lie at the powers of 3, 5 and 7, and bodies
// across the borders of groups.
func TestManyGroups(t *testing.T) {
	for _, level := range []Level{Rev0, Linux26} {
		c := manifesttest.Contents{}
		m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(20<<20)))})
		free := int64(420 << 20) // 50 groups and more
		if testing.Short() {
			free = 80 << 20
		}
		l := mustPlan(t, m, Options{Level: level, FreeBytes: free, FreeInodes: 20000})
		image := writeImage(t, l, c.Open)
		fsck(t, image)
		compareFile(t, image, m)
	}
}
