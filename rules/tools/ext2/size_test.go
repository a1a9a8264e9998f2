package ext2

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// The image is no larger than its content and its wishes ask for.
func TestSizeIsExact(t *testing.T) {
	c := manifesttest.Contents{}
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
		m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(int(test.blocks)*test.o.BlockSize)))})
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
	c := manifesttest.Contents{}
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(5000)))})
	for _, size := range []int64{64 << 10, 1 << 20, 8 << 20, 8<<20 + 1024, 8<<20 + 2048, 8<<20 + 100<<10, 9 << 20} {
		o := Options{SizeBytes: size, FreeInodes: 100}
		image := writeImage(t, mustPlan(t, m, o), c.Open)
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
	c := manifesttest.Contents{}
	lib := manifesttest.File("usr/lib", c.Add(pattern(100<<10)))
	lib.Origin = "//glibc"
	etc := manifesttest.File("etc", c.Add(pattern(30<<10)))
	etc.Origin = "//overlay"
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.Dir("usr"), lib, etc})
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
	for _, want := range []string{"image of 65536 bytes is too small", "//glibc", "/usr", "hint: raise the size to", "remove some of the above"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

// Who would have enough room without the wishes is told so.
func TestTooSmallForTheWishes(t *testing.T) {
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir("")})
	content := mustPlan(t, m, Options{}).Size()
	_, err := Plan(m, Options{SizeBytes: 64 << 10, FreeBytes: 10 << 20, FreeInodes: 1000})
	var tooSmall *SizeError
	if !errors.As(err, &tooSmall) || tooSmall.Content != content {
		t.Fatalf("got %v, want a SizeError with %d bytes of content", err, content)
	}
	if want := fmt.Sprintf("without them %d is enough", content); !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to say %q", err, want)
	}
}
