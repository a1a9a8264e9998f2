package elf

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestFindStrings(t *testing.T) {
	tests := []struct {
		file string
		want []Found
	}{
		{"", nil},
		{"/build", []Found{{"/build", 0, "/build"}}},
		{"\x00/build/gcc/x.c\x00", []Found{{"/build", 1, "/build/gcc/x.c"}}},
		{"\x01-g -I/src/include\x00", []Found{{"/src", 6, "-g -I/src/include"}}},
		{"-I/src", []Found{{"/src", 2, "-I/src"}}},
		{"prefix=/build\x00 and /src\x00", []Found{{"/build", 7, "prefix=/build"}, {"/src", 19, " and /src"}}},
		{"/usr/src/linux /srcs /src.d /src-x a/build x-I/src", nil},
		{"$(top)/src ${top}/src [a]/src */src ~/src %/src \\/src //src @a@/src", nil},
		{"file:///src/x", []Found{{"/src", 7, "file:///src/x"}}},
		{">/src/x", []Found{{"/src", 1, ">/src/x"}}},
		{"/tmp/cc /tmp/ccx.s /tmp/cc_345678.s /tmp/cc345678 /tmp/screens", nil},
		{"x /tmp/ccWcQ3Xf.s", []Found{{"/tmp/cc", 2, "x /tmp/ccWcQ3Xf.s"}}},
		{"/usr/src:/src", []Found{{"/src", 9, "/usr/src:/src"}}},
	}
	for _, test := range tests {
		got, err := FindStrings(strings.NewReader(test.file), []string{"/build", "/src", "/tmp/cc"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.file, diff)
		}
	}
	if _, err := FindStrings(strings.NewReader("x"), []string{""}); err == nil {
		t.Error("empty path: no error")
	}
}

// Where a path is in a file, and how the file is read, makes no difference:
// windows must not hide one, nor take the end of a name for its beginning.
func TestFindStringsAcrossWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	base := bytes.Repeat([]byte("/usr/src/sources/"), 3*windowSize/17)
	for round := range 60 {
		edge := (1 + round%2) * windowSize
		at := edge - 2*keep + int(rng.Uint32())%(4*keep)
		if round%3 == 0 {
			at = edge - keep + int(rng.Uint32())%220 - 110
		}
		file := bytes.Clone(base)
		copy(file[at-1:], "\x00/src/x\x00")
		var r io.Reader = bytes.NewReader(file)
		if round%4 == 0 {
			r = iotest.HalfReader(r)
		}
		got, err := FindStrings(r, []string{"/src", "/build"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Found{{"/src", int64(at), "/src/x"}}, got); diff != "" {
			t.Errorf("at %d: %s", at, diff)
		}
	}
}

func FuzzFindStrings(f *testing.F) {
	f.Add([]byte("-I/src/x\x00"), uint32(windowSize-4), uint32(7))
	f.Add([]byte("/usr/src"), uint32(100), uint32(300))
	f.Fuzz(func(t *testing.T, piece []byte, before, after uint32) {
		file := bytes.Repeat([]byte{0}, int(before%(2*windowSize)))
		file = append(append(file, piece...), make([]byte, after%windowSize)...)
		got, err := FindStrings(bytes.NewReader(file), []string{"/src"})
		if err != nil {
			t.Fatal(err)
		}
		want := findPath(file, "/src", 0)
		if want < 0 && len(got) > 0 || want >= 0 && (len(got) != 1 || got[0].Offset != int64(want)) {
			t.Errorf("got %v, want one at %d", got, want)
		}
	})
}
