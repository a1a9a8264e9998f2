package cpio

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

func mustPlan(t testing.TB, m *manifest.Manifest, o Options) *Layout {
	t.Helper()
	l, err := Plan(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func archiveOf(t testing.TB, l *Layout, open OpenFunc) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.Write(context.Background(), &b, open); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != l.Size() {
		t.Fatalf("got %d bytes, planned for %d", b.Len(), l.Size())
	}
	return b.Bytes()
}

// sample is a file system with everything that the format has a form of its
// own for. The names of su lie before and behind the file.
func sample(c manifesttest.Contents) []manifest.Entry {
	su := manifesttest.File("bin/su", c.Add([]byte("#!/bin/sh\n")))
	su.Mode, su.Origin = 0o4755, "//busybox"
	big := manifesttest.File("big", c.Add(bytes.Repeat([]byte("0123456789abcdef\n"), 20000)))
	big.UID, big.GID, big.Mode = 70001, 4294967294, 0o2640
	tmp := manifesttest.Dir("tmp")
	tmp.Mode = 0o1777
	empty := manifesttest.File("n/empty", c.Add(nil))
	empty.Mode = 0o400
	entries := []manifest.Entry{
		manifesttest.Dir(""), manifesttest.Dir("a"), manifesttest.Dir("a/b"), manifesttest.Dir("bin"), manifesttest.Dir("dev"), manifesttest.Dir("n"), tmp, su, big, empty,
		manifesttest.Link("a/b/su", "bin/su"), manifesttest.Link("bin/sudo", "bin/su"),
		manifesttest.Link("a/empty", "n/empty"),
		manifesttest.File("a/TRAILER!!!", c.Add([]byte("x"))),
		manifesttest.File("name with a space, \"quotes\" and é", c.Add([]byte("12345"))),
		manifesttest.Symlink("init", "sbin/init"),
		manifesttest.Symlink("longest", strings.Repeat("/l", 2048)[1:]),
		{Path: "dev/console", Type: manifest.Char, Mode: 0o600, Major: 5, Minor: 1},
		{Path: "dev/big", Type: manifest.Block, Mode: 0o660, Major: 4095, Minor: 1048575, GID: 6},
		{Path: "dev/initctl", Type: manifest.FIFO, Mode: 0o600},
		{Path: "dev/log", Type: manifest.Socket, Mode: 0o666},
	}
	for i := range 9 { // all paddings of names and data
		entries = append(entries, manifesttest.File("n/"+strings.Repeat("n", i+1), c.Add(bytes.Repeat([]byte{'d'}, i))))
	}
	return entries
}

// The digest of a fixed archive. When it changes, images change for everyone:
// bump the version in tool.go.
func TestGoldenArchive(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "cf5a400d4356a4b14440a4578e026eb8b48d5964f6595ef7524fd35a88a048f0/348160"},
		{Options{Time: 1e9, BlockSize: 4}, "f3d0adea6a5c288bce524fb6fe329158a8d6e274fc280870f6882de0862390b7/347892"},
	} {
		c := manifesttest.Contents{}
		if got := digest.Of(archiveOf(t, mustPlan(t, manifesttest.New(t, sample(c)), test.o), c.Open)).String(); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.o, got, test.want)
		}
	}
}

// The smallest archive, byte by byte as the specification has it.
func TestRootOnly(t *testing.T) {
	got := archiveOf(t, mustPlan(t, manifesttest.New(t, []manifest.Entry{manifesttest.Dir("")}), Options{BlockSize: 4}), nil)
	const zero = "00000000"
	want := "070701" + "00000001" + "000041ED" + zero + zero + "00000002" + "12CEA600" + zero + zero + zero + zero + zero + "00000002" + zero + ".\x00" +
		"070701" + zero + zero + zero + zero + "00000001" + zero + zero + zero + zero + zero + zero + "0000000B" + zero + "TRAILER!!!\x00\x00\x00\x00"
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Neither the order in which layers were read nor where an entry came from may
// show in the archive.
func TestOrderAndOriginDoNotMatter(t *testing.T) {
	c := manifesttest.Contents{}
	entries := sample(c)
	want := digest.Of(archiveOf(t, mustPlan(t, manifesttest.New(t, entries), Options{}), c.Open))
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	for i := range entries {
		entries[i].Origin = fmt.Sprint("//somewhere:", i)
	}
	if got := digest.Of(archiveOf(t, mustPlan(t, manifesttest.New(t, entries), Options{}), c.Open)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Two builds that write one layout at the same time get the same bytes.
func TestLayoutIsShared(t *testing.T) {
	c := manifesttest.Contents{}
	l := mustPlan(t, manifesttest.New(t, sample(c)), Options{})
	var archives [4]bytes.Buffer
	var errs [4]error
	var wait sync.WaitGroup
	for i := range archives {
		wait.Go(func() { errs[i] = l.Write(context.Background(), &archives[i], c.Open) })
	}
	wait.Wait()
	for i := range archives {
		if errs[i] != nil || !bytes.Equal(archives[i].Bytes(), archives[0].Bytes()) {
			t.Errorf("archive %d differs: %v", i, errs[i])
		}
	}
}
