package ext2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// What the manifest says is what a kernel finds in the image.
func TestImageHoldsTheManifest(t *testing.T) {
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := contents{}
			m := newManifest(t, sample(o, c))
			compare(t, bytes.NewReader(imageOf(t, mustPlan(t, m, o), c.open)), m)
		})
	}
}

// A new file system that fsck complains about would be repaired, or refused,
// at the first boot.
func TestFsckIsSilent(t *testing.T) {
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := contents{}
			l := mustPlan(t, newManifest(t, sample(o, c)), o)
			fsck(t, writeImage(t, l, c.open))
		})
	}
}

// writeImage writes an image to a file of its own.
func writeImage(t testing.TB, l *Layout, open OpenFunc) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := l.Write(context.Background(), f, open); err != nil {
		t.Fatal(err)
	}
	return path
}

// The digest of a fixed image. When it changes, images change for everyone:
// bump the version of the tool.
func TestGoldenImage(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "GOLDEN0"},
		{Options{Level: Rev0, BlockSize: 2048, Label: "rescue", FreeBytes: 1 << 20, FreeInodes: 100}, "GOLDEN1"},
		{Options{BlockSize: 4096, InodeSize: 256, ReservedPercent: 5, FreePercent: 50, Time: 1e9}, "GOLDEN2"},
	} {
		c := contents{}
		o := test.o
		if o.BlockSize == 0 {
			o.BlockSize = 1024
		}
		m := newManifest(t, sample(o, c))
		if got := digest.Of(imageOf(t, mustPlan(t, m, test.o), c.open)).String(); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.o, got, test.want)
		}
	}
}

// Neither the order in which layers were read nor where an entry came from may
// show in the image.
func TestOrderAndOriginDoNotMatter(t *testing.T) {
	c := contents{}
	o := Options{BlockSize: 1024}
	entries := sample(o, c)
	want := digest.Of(imageOf(t, mustPlan(t, newManifest(t, entries), o), c.open))
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	for i := range entries {
		entries[i].Origin = fmt.Sprint("//somewhere:", i)
	}
	if got := digest.Of(imageOf(t, mustPlan(t, newManifest(t, entries), o), c.open)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

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
				c := contents{}
				m := newManifest(t, []manifest.Entry{dir(""), file("f", c.add(pattern(int(size))))})
				image := writeImage(t, mustPlan(t, m, Options{}), c.open)
				fsck(t, image)
				compareFile(t, image, m)
			})
		}
	}
}

func compareFile(t testing.TB, image string, m *manifest.Manifest) *walker {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return compare(t, f, m)
}

// Blocks of zeros take no space, and come back as zeros.
func TestHoles(t *testing.T) {
	const bs = 1024
	c := contents{}
	scattered := make([]byte, 70<<20+5) // reaches into the tree of height 3
	for i := 0; i < len(scattered); i += 7 << 20 {
		scattered[i] = 1
	}
	head := slices.Concat(make([]byte, 20*bs), pattern(5*bs), make([]byte, 300*bs))
	m := newManifest(t, []manifest.Entry{
		dir(""),
		file("all", c.add(make([]byte, 3<<20))),
		file("dense", c.add(pattern(20*bs))),
		file("head", c.add(head)),
		file("scattered", c.add(scattered)),
		file("tiny", c.add([]byte{0})),
	})
	holes, err := FindHoles(context.Background(), m, bs, c.open)
	if err != nil {
		t.Fatal(err)
	}
	l := mustPlan(t, m, Options{Holes: holes})
	image := writeImage(t, l, c.open)
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
		m := newManifest(t, []manifest.Entry{dir(""), file("f", d)})
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
		c := contents{}
		d := c.add([]byte("x"))
		entries := []manifest.Entry{dir(""), dir("d")}
		for i := range 10000 {
			entries = append(entries, file(fmt.Sprintf("d/%0255d", i), d))
		}
		m := newManifest(t, entries)
		image := writeImage(t, mustPlan(t, m, o), c.open)
		fsck(t, image)
		compareFile(t, image, m)
	}
}

// Many groups, so that backups lie at the powers of 3, 5 and 7, and bodies
// across the borders of groups.
func TestManyGroups(t *testing.T) {
	for _, level := range []Level{Rev0, Linux26} {
		c := contents{}
		m := newManifest(t, []manifest.Entry{dir(""), file("f", c.add(pattern(20<<20)))})
		free := int64(420 << 20) // 50 groups and more
		if testing.Short() {
			free = 80 << 20
		}
		l := mustPlan(t, m, Options{Level: level, FreeBytes: free, FreeInodes: 20000})
		image := writeImage(t, l, c.open)
		fsck(t, image)
		compareFile(t, image, m)
	}
}

// The image is no larger than its content and its wishes ask for.
func TestSizeIsExact(t *testing.T) {
	c := contents{}
	for _, test := range []struct {
		blocks int64 // of content
		o      Options
	}{
		{1, Options{}}, {100, Options{FreeBytes: 1}}, {8100, Options{}}, {8150, Options{}}, {8170, Options{}},
		{8192, Options{FreeInodes: 5000}}, {16300, Options{FreePercent: 10}}, {100, Options{FreeBytes: 64 << 20, BlockSize: 4096}},
	} {
		if test.o.BlockSize == 0 {
			test.o.BlockSize = 1024
		}
		m := newManifest(t, []manifest.Entry{dir(""), file("f", c.add(pattern(int(test.blocks)*test.o.BlockSize)))})
		l := mustPlan(t, m, test.o)
		if wish := test.o.freeBlocks(l.used); l.FreeBlocks() < wish {
			t.Errorf("%+v: %d free blocks, want %d", test, l.FreeBlocks(), wish)
		} else if l.FreeBlocks() > wish && l.length(l.groups-1) > l.overhead(l.groups-1) {
			t.Errorf("%+v: %d free blocks, want %d and not one more", test, l.FreeBlocks(), wish)
		}
		if l.FreeInodes() < test.o.FreeInodes {
			t.Errorf("%+v: %d free inodes", test, l.FreeInodes())
		}
		test.o.SizeBytes = l.Size()
		fixed, err := Plan(m, test.o)
		if err != nil || fixed.Size() != l.Size() {
			t.Errorf("%+v: does not fit its own exact size: %v", test, err)
		}
		test.o.SizeBytes -= int64(test.o.BlockSize)
		var tooSmall *SizeError
		if _, err := Plan(m, test.o); !errors.As(err, &tooSmall) || tooSmall.Needed != l.Size() {
			t.Errorf("%+v: one block less: got %v, want that %d bytes are needed", test, err, l.Size())
		}
	}
}

// A fixed size is kept to the byte, even if its end is of no use.
func TestFixedSize(t *testing.T) {
	c := contents{}
	m := newManifest(t, []manifest.Entry{dir(""), file("f", c.add(pattern(5000)))})
	for _, size := range []int64{64 << 10, 1 << 20, 8 << 20, 8<<20 + 1024, 8<<20 + 2048, 8<<20 + 100<<10, 9 << 20} {
		o := Options{SizeBytes: size, FreeInodes: 100}
		image := writeImage(t, mustPlan(t, m, o), c.open)
		info, err := os.Stat(image)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != size {
			t.Errorf("got %d bytes, want %d", info.Size(), size)
		}
		fsck(t, image)
		compareFile(t, image, m)
	}
}

// Who hits the limit is told by how much, and what is so large.
func TestTooSmall(t *testing.T) {
	c := contents{}
	lib := file("usr/lib", c.add(pattern(100<<10)))
	lib.Origin = "//glibc"
	etc := file("etc", c.add(pattern(30<<10)))
	etc.Origin = "//overlay"
	m := newManifest(t, []manifest.Entry{dir(""), dir("usr"), lib, etc})
	_, err := Plan(m, Options{SizeBytes: 64 << 10, FreeBytes: 10 << 10})
	var tooSmall *SizeError
	if !errors.As(err, &tooSmall) {
		t.Fatalf("got %v, want a SizeError", err)
	}
	if d := tooSmall.Directories; d[0].Name != "/usr" || d[0].Bytes != 102<<10 || d[1].Name != "/etc" {
		t.Errorf("directories: got %v", d)
	}
	if want := []Contributor{{"//glibc", 101 << 10}, {"//overlay", 31 << 10}}; !slices.Equal(tooSmall.Origins, want) {
		t.Errorf("origins: got %v, want %v", tooSmall.Origins, want)
	}
	for _, want := range []string{"image of 65536 bytes is too small", "//glibc", "/usr", "hint:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

// What ext2 cannot hold is an error that names the path.
func TestPlanRefuses(t *testing.T) {
	c := contents{}
	huge := func(size int64) digest.Digest {
		d, err := digest.New(digest.Empty.Hex(), size)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	attribute := func(name string, size int) manifest.Entry {
		return manifest.Entry{Path: "x", Type: manifest.FIFO, Xattrs: []manifest.Xattr{{Name: name, Value: make([]byte, size)}}}
	}
	links := []manifest.Entry{file("x", c.add(nil))}
	for i := range 32000 {
		links = append(links, manifest.Entry{Path: fmt.Sprint("l", i), Type: manifest.Link, Target: "x"})
	}
	dirs := []manifest.Entry{dir("x")}
	for i := range 31999 {
		dirs = append(dirs, dir(fmt.Sprint("x/", i)))
	}
	for _, test := range []struct {
		entries []manifest.Entry
		o       Options
		want    string
	}{
		{links, Options{}, "/x: 32001 names"},
		{dirs, Options{}, "/x: 31999 directories"},
		{[]manifest.Entry{file("x", huge(1<<34+1<<30))}, Options{}, "/x: 18253611008 bytes"},
		{[]manifest.Entry{file("x", huge(1<<63-1))}, Options{BlockSize: 4096}, "/x: "},
		{[]manifest.Entry{file("x", huge(1<<41))}, Options{BlockSize: 4096}, "2 TiB"},
		{[]manifest.Entry{file("x", huge(1<<31))}, Options{Level: Rev0}, "/x: 2147483648 bytes: level rev0"},
		{[]manifest.Entry{symlink("x", strings.Repeat("s", 1024))}, Options{}, "/x: symbolic link to 1024 bytes"},
		{[]manifest.Entry{attribute("user.x", 1024)}, Options{}, "/x: extended attributes of 1080 bytes"},
		{[]manifest.Entry{attribute("user.x", 1)}, Options{Level: Rev0}, `/x: extended attribute "user.x": level rev0`},
		{[]manifest.Entry{attribute("user.", 1)}, Options{}, "ext2 stores only"},
		{[]manifest.Entry{attribute("os2.x", 1)}, Options{}, "ext2 stores only"},
		{[]manifest.Entry{attribute("system.posix_acl_access", 5)}, Options{}, "access control list"},
		{[]manifest.Entry{symlink("lost+found", "x")}, Options{}, "/lost+found is a symbolic link"},
		{nil, Options{Level: "3"}, "level"},
		{nil, Options{BlockSize: 512}, "block size 512"},
		{nil, Options{InodeSize: 512}, "inode size 512"},
		{nil, Options{InodeSize: 256, Level: Rev0}, "inode size 256"},
		{nil, Options{SizeBytes: 1000}, "multiple of the block size"},
		{nil, Options{SizeBytes: 1024}, "too small"},
		{nil, Options{SizeBytes: 1 << 50}, "want at most"},
		{nil, Options{FreeBytes: 1<<32*1024 - 1024}, "more than ext2 can address"},
		{nil, Options{FreeInodes: 1<<32 - 1}, "more than ext2 can address"},
		{nil, Options{FreeInodes: -1}, "no negative numbers"},
		{nil, Options{FreePercent: 10001}, "percent"},
		{nil, Options{ReservedPercent: 51}, "percent"},
		{nil, Options{Label: "seventeen letters"}, "label"},
		{nil, Options{Time: 1 << 31}, "time"},
		{nil, Options{Holes: &Holes{blockSize: 4096}}, "holes were looked for"},
	} {
		m := newManifest(t, append([]manifest.Entry{dir("")}, test.entries...))
		_, err := Plan(m, test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want an error with %q", test.o, err, test.want)
		}
	}
}

// The largest number of links and directories that is allowed.
func TestLinkLimits(t *testing.T) {
	c := contents{}
	entries := []manifest.Entry{dir(""), dir("d"), file("x", c.add(nil))}
	for i := range 31999 {
		entries = append(entries, manifest.Entry{Path: fmt.Sprint("l", i), Type: manifest.Link, Target: "x"})
	}
	for i := range 31998 {
		entries = append(entries, dir(fmt.Sprint("d/", i)))
	}
	m := newManifest(t, entries)
	image := writeImage(t, mustPlan(t, m, Options{}), c.open)
	fsck(t, image)
	compareFile(t, image, m)
}

// Content that is not what the manifest says must not become an image.
func TestWriteRefuses(t *testing.T) {
	m := newManifest(t, []manifest.Entry{dir(""), file("f", digest.Of(pattern(3000)))})
	sparse := newManifest(t, []manifest.Entry{dir(""), file("f", digest.Of(make([]byte, 3000)))})
	holes, err := FindHoles(context.Background(), sparse, 1024, func(manifest.Entry) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 3000))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, test := range []struct {
		m       *manifest.Manifest
		content []byte
		err     error
		want    string
	}{
		{m, pattern(2999), nil, "/f: content is shorter"},
		{m, pattern(3001), nil, "/f: content is longer"},
		{m, nil, broken, "/f: broken"},
		{sparse, pattern(3000), nil, "/f: content has bytes where a hole was found"},
	} {
		open := func(manifest.Entry) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(test.content)), test.err
		}
		err := mustPlan(t, test.m, Options{Holes: holes}).Write(context.Background(), io.Discard, open)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want an error with %q", err, test.want)
		}
	}
}

// A user who gives up is not kept waiting for a large image.
func TestWriteStopsWhenCancelled(t *testing.T) {
	c := contents{}
	m := newManifest(t, []manifest.Entry{dir(""), file("f", c.add(pattern(8<<20)))})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := mustPlan(t, m, Options{}).Write(ctx, io.Discard, c.open)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
