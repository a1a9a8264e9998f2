package tree

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
)

var ctx = context.Background()

func file(s string) Node { return NewFile(digest.Of([]byte(s)), false) }

// list prints a tree, one path a line.
func list(t *testing.T, src Source, root Node) string {
	t.Helper()
	var b strings.Builder
	err := Walk(ctx, src, root, func(p string, n Node) error {
		if n.Kind != Dir {
			fmt.Fprintf(&b, "%s ", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func build(t *testing.T, m *Memory, paths ...string) Node {
	t.Helper()
	b := NewBuilder(m)
	for _, p := range paths {
		if err := b.Add(ctx, p, file(p), "test"); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// A sysroot is the union of what the dependencies installed.
func TestBuilderMergesTrees(t *testing.T) {
	m := new(Memory)
	zlib := build(t, m, "usr/include/zlib.h", "usr/lib/libz.a")
	libevent := build(t, m, "usr/include/event.h", "usr/lib/libz.a")
	b := NewBuilder(m)
	for _, n := range []Node{zlib, libevent} {
		if err := b.Add(ctx, "sysroot", n, "x"); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, m, root); got != "sysroot/usr/include/event.h sysroot/usr/include/zlib.h sysroot/usr/lib/libz.a" {
		t.Fatal(got)
	}
	if got := list(t, m, zlib); got != "usr/include/zlib.h usr/lib/libz.a" {
		t.Fatal("composing changed an input: ", got)
	}
}

// Two packages that install different bytes at one path are an error naming
// both, never a silent winner.
func TestBuilderNamesBothSidesOfAConflict(t *testing.T) {
	b := NewBuilder(new(Memory))
	if err := b.Add(ctx, "bin/sh", file("dash"), "//:dash"); err != nil {
		t.Fatal(err)
	}
	var c *Conflict
	if err := b.Add(ctx, "bin/sh", file("bash"), "//:bash"); !errors.As(err, &c) || c.First != "//:dash" || c.Second != "//:bash" || c.Path != "bin/sh" {
		t.Fatalf("got %v", err)
	}
	if err := b.Add(ctx, "bin/sh/x", file("x"), "//:x"); !errors.As(err, &c) || c.Path != "bin/sh" {
		t.Fatalf("got %v", err)
	}
	if err := b.Replace(ctx, "bin/sh", file("bash"), "//:bash"); err != nil {
		t.Fatal(err)
	}
}

// Equal trees have equal digests in whatever order they were put together.
func TestOrderDoesNotMatter(t *testing.T) {
	paths := []string{"a", "b/c", "b/d", "b-", "b.x/y", "z/z/z"}
	m := new(Memory)
	want := build(t, m, paths...)
	for seed := range int64(20) {
		rand.New(rand.NewSource(seed)).Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		if got := build(t, m, paths...); got != want {
			t.Fatalf("seed %d: got %s, want %s", seed, got.Digest, want.Digest)
		}
	}
}

func TestLookup(t *testing.T) {
	m := new(Memory)
	root := build(t, m, "a/b/c")
	if n, ok, err := Lookup(ctx, m, root, "a/b/c"); !ok || err != nil || n != file("a/b/c") {
		t.Fatal(n, ok, err)
	}
	for _, p := range []string{"a/x", "a/b/c/d", "x"} {
		if _, ok, err := Lookup(ctx, m, root, p); ok || err != nil {
			t.Fatal(p, ok, err)
		}
	}
}

func TestNamesThatEscapeAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "a\x00"} {
		if _, err := New([]Entry{{name, file("x")}}); err == nil {
			t.Errorf("New(%q): want an error", name)
		}
	}
	b := NewBuilder(new(Memory))
	for _, p := range []string{"/a", "../a", "a//b", "a/../b", "."} {
		if err := b.Add(ctx, p, file("x"), "x"); err == nil {
			t.Errorf("Add(%q): want an error", p)
		}
	}
}

// A directory read from a cache is canonical or refused.
func FuzzDecode(f *testing.F) {
	d, _ := New([]Entry{{"a", file("x")}, {"l", NewLink("a")}, {"d", Empty.Node()}})
	f.Add(d.Encoded())
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err == nil && d.Digest() != digest.Of(b) {
			t.Fatal("not canonical")
		}
	})
}
