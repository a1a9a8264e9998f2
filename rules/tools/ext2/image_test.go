package ext2

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// What the manifest says is what a kernel finds in the image.
func TestImageHoldsTheManifest(t *testing.T) {
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := manifesttest.Contents{}
			m := manifesttest.New(t, sample(o, c))
			compare(t, bytes.NewReader(imageOf(t, mustPlan(t, m, o), c.Open)), m)
		})
	}
}

// A new file system that fsck complains about would be repaired, or refused,
// at the first boot.
func TestFsckIsSilent(t *testing.T) {
	judge.Tool(t, "e2fsck")
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := manifesttest.Contents{}
			l := mustPlan(t, manifesttest.New(t, sample(o, c)), o)
			fsck(t, writeImage(t, l, c.Open))
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

func compareFile(t testing.TB, image string, m *manifest.Manifest) *walker {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return compare(t, f, m)
}

// The digest of a fixed image. When it changes, images change for everyone:
// bump the version in tool.go.
func TestGoldenImage(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "a53f351c148b89d29e7556f2b9183fd3a6f7683823b8b8dd6083072a58004225/771072"},
		{Options{Level: Rev0, BlockSize: 2048, Label: "rescue", FreeBytes: 1 << 20, FreeInodes: 100}, "164c327a701fbecfa3d706f8e1b62973197b98498ad293f0ec7fdbb6daf2e075/2492416"},
		{Options{BlockSize: 4096, InodeSize: 256, ReservedPercent: 5, FreePercent: 50, Time: 1e9}, "b19c5a498f878dfd5f01f5d3a7f4c0b80004bbb5b7a8e9e25a4490207477327a/4165632"},
	} {
		c := manifesttest.Contents{}
		o := test.o
		if o.BlockSize == 0 {
			o.BlockSize = 1024
		}
		m := manifesttest.New(t, sample(o, c))
		if got := digest.Of(imageOf(t, mustPlan(t, m, test.o), c.Open)).String(); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.o, got, test.want)
		}
	}
}

// Neither the order in which layers were read nor where an entry came from may
// show in the image.
func TestOrderAndOriginDoNotMatter(t *testing.T) {
	c := manifesttest.Contents{}
	o := Options{BlockSize: 1024}
	entries := sample(o, c)
	want := digest.Of(imageOf(t, mustPlan(t, manifesttest.New(t, entries), o), c.Open))
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	for i := range entries {
		entries[i].Origin = fmt.Sprint("//somewhere:", i)
	}
	if got := digest.Of(imageOf(t, mustPlan(t, manifesttest.New(t, entries), o), c.Open)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Two builds that write one layout at the same time get the same bytes.
func TestLayoutIsShared(t *testing.T) {
	c := manifesttest.Contents{}
	o := Options{BlockSize: 2048}
	l := mustPlan(t, manifesttest.New(t, sample(o, c)), o)
	var images [4]bytes.Buffer
	var errs [4]error
	var wait sync.WaitGroup
	for i := range images {
		wait.Go(func() { errs[i] = l.Write(context.Background(), &images[i], c.Open) })
	}
	wait.Wait()
	for i := range images {
		if errs[i] != nil || !bytes.Equal(images[i].Bytes(), images[0].Bytes()) {
			t.Errorf("image %d differs: %v", i, errs[i])
		}
	}
}

// The reader of these tests is worth something only if it reads what others
// write.
func TestReaderReadsMke2fs(t *testing.T) {
	mke2fs := judge.Tool(t, "mke2fs")
	root, c := t.TempDir(), manifesttest.Contents{}
	m := manifesttest.New(t, diskTree(t, root, c))
	owner := fmt.Sprintf("root_owner=%d:%d", os.Getuid(), os.Getgid())
	for _, size := range []string{"1024", "2048", "4096"} {
		image := filepath.Join(t.TempDir(), "image")
		args := []string{"-q", "-t", "ext2", "-b", size, "-E", owner, "-d", root, image, "16M"}
		if out, err := exec.Command(mke2fs, args...).CombinedOutput(); err != nil {
			t.Fatalf("mke2fs: %v\n%s", err, out)
		}
		compareFile(t, image, m)
	}
}

// diskTree makes a tree on disk and its entries.
func diskTree(t *testing.T, root string, c manifesttest.Contents) []manifest.Entry {
	t.Helper()
	entries := []manifest.Entry{manifesttest.Dir(""), manifesttest.Dir("d"), manifesttest.Symlink("fast", "d/f000"), manifesttest.Symlink("slow", strings.Repeat("s", 200))}
	for i, size := range []int{0, 1, 1024, 12 << 10, 13 << 10, 500 << 10, 1 << 20} {
		entries = append(entries, manifesttest.File(fmt.Sprintf("d/f%03d", i), c.Add(pattern(size))))
	}
	entries = append(entries, manifest.Entry{Path: "d/link", Type: manifest.Link, Target: "d/f001"})
	for i := range entries {
		e := &entries[i]
		if err := makeOnDisk(filepath.Join(root, e.Path), root, *e, c); err != nil {
			t.Fatal(err)
		}
		if e.Type != manifest.Link {
			e.UID, e.GID = uint32(os.Getuid()), uint32(os.Getgid())
		}
	}
	return append(entries, manifest.Entry{Path: "lost+found", Type: manifest.Directory, Mode: 0o700})
}

func makeOnDisk(path, root string, e manifest.Entry, c manifesttest.Contents) error {
	switch e.Type {
	case manifest.Directory:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return os.Chmod(path, 0o755)
	case manifest.Symlink:
		return os.Symlink(e.Target, path)
	case manifest.Link:
		return os.Link(filepath.Join(root, e.Target), path)
	}
	return os.WriteFile(path, c[e.Digest], 0o644)
}
