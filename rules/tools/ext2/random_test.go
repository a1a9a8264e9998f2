package ext2

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// randomTree makes a manifest of about n entries. Like a real one it is mostly
// small files, and has some of everything else.
func randomTree(rng *rand.Rand, n int, o Options, c manifesttest.Contents) []manifest.Entry {
	entries := []manifest.Entry{manifesttest.Dir("")}
	dirs, files := []string{""}, []string{}
	used := map[string]bool{"": true, "lost+found": true}
	for range n {
		path := randomPath(rng, dirs[rng.IntN(len(dirs))])
		if used[path] || len(path) > 4000 {
			continue
		}
		used[path] = true
		e := randomEntry(rng, path, o, c)
		switch e.Type {
		case manifest.Directory:
			dirs = append(dirs, path)
		case manifest.File:
			if len(files) > 0 && rng.IntN(10) == 0 {
				entries = append(entries, manifest.Entry{Path: path, Type: manifest.Link, Target: files[rng.IntN(len(files))]})
				continue
			}
			files = append(files, path)
		}
		entries = append(entries, e)
	}
	return entries
}

func randomPath(rng *rand.Rand, dir string) string {
	name := make([]byte, 1+rng.IntN(12))
	if rng.IntN(8) == 0 {
		name = make([]byte, 1+rng.IntN(255))
	}
	for i := range name {
		name[i] = byte(1 + rng.IntN(255))
		if name[i] == '/' || name[i] == '.' {
			name[i] = 'x'
		}
	}
	if dir == "" {
		return string(name)
	}
	return dir + "/" + string(name)
}

func randomEntry(rng *rand.Rand, path string, o Options, c manifesttest.Contents) manifest.Entry {
	e := manifest.Entry{Path: path, Type: manifest.File, Mode: uint32(rng.IntN(0o10000)), UID: randomID(rng), GID: randomID(rng)}
	switch rng.IntN(12) {
	case 0, 1:
		e.Type = manifest.Directory
	case 2:
		e.Type, e.Mode = manifest.Symlink, 0o777
		e.Target = string(pattern(1 + rng.IntN(1+rng.IntN(o.BlockSize-1))))
	case 3:
		e.Type = []manifest.Type{manifest.Char, manifest.Block}[rng.IntN(2)]
		e.Major, e.Minor = rng.Uint32N(1<<uint(1+rng.IntN(12))), rng.Uint32N(1<<uint(1+rng.IntN(20)))
	case 4:
		e.Type = []manifest.Type{manifest.FIFO, manifest.Socket}[rng.IntN(2)]
	default:
		e.Digest = c.Add(randomContent(rng, o))
	}
	if o.Level != Rev0 && rng.IntN(4) == 0 {
		e.Xattrs = randomXattrs(rng)
	}
	return e
}

func randomID(rng *rand.Rand) uint32 {
	if rng.IntN(2) == 0 {
		return 0
	}
	return rng.Uint32() >> rng.IntN(32) &^ 1
}

func randomContent(rng *rand.Rand, o Options) []byte {
	size := rng.IntN(3 * o.BlockSize)
	switch rng.IntN(10) {
	case 0:
		size = 0
	case 1:
		size = rng.IntN(20 * o.BlockSize)
	case 2:
		size = rng.IntN(400 * o.BlockSize)
	}
	b := make([]byte, size)
	for at := 0; at < size; at += o.BlockSize {
		if rng.IntN(3) > 0 {
			copy(b[at:], pattern(min(o.BlockSize, size-at)))
			b[at] = byte(rng.IntN(256))
		}
	}
	return b
}

func randomXattrs(rng *rand.Rand) []manifest.Xattr {
	list := []manifest.Xattr{
		{Name: "security.selinux", Value: []byte("system_u:object_r:bin_t:s0\x00")},
		{Name: "security.capability", Value: pattern(20)},
		{Name: "system.posix_acl_access", Value: sampleACL()},
		{Name: "trusted.overlay.opaque", Value: []byte("y")},
		{Name: fmt.Sprint("user.", rng.IntN(20)), Value: pattern(rng.IntN(200))},
		{Name: "user.é", Value: []byte{}},
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:1+rng.IntN(len(list))]
}

// randomOptions are valid options.
func randomOptions(rng *rand.Rand) Options {
	o := forms()[rng.IntN(len(forms()))]
	o.FreeBytes = rng.Int64N(1 << uint(rng.IntN(25)))
	o.FreePercent = rng.IntN(100)
	o.FreeInodes = rng.Int64N(1 << uint(rng.IntN(14)))
	o.ReservedPercent = rng.IntN(51)
	o.Label = string(pattern(rng.IntN(17)))
	return o
}

// Whatever the file system: fsck has nothing to say, and what is read back is
// what was asked for.
func TestRandomTrees(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 0))
			o, c := randomOptions(rng), manifesttest.Contents{}
			m := manifesttest.New(t, randomTree(rng, 1+rng.IntN(400), o, c))
			if seed%2 == 0 {
				holes, err := FindHoles(context.Background(), m, o.BlockSize, c.Open)
				if err != nil {
					t.Fatal(err)
				}
				o.Holes = holes
			}
			image := writeImage(t, mustPlan(t, m, o), c.Open)
			compareFile(t, image, m)
			fsck(t, image)
		})
	}
}

// No tree and no option makes the planner panic, and what it accepts becomes
// an image that reads back.
func FuzzPlan(f *testing.F) {
	f.Add(uint64(1), uint16(30), int64(0), int64(0), 0, int64(0), uint8(0), false)
	f.Add(uint64(2), uint16(300), int64(1<<20), int64(5000), 20, int64(8<<20), uint8(5), true)
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, freeBytes, freeInodes int64, freePercent int, size int64, form uint8, sparse bool) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := manifesttest.Contents{}
		o := forms()[int(form)%len(forms())]
		o.FreeBytes, o.FreeInodes, o.FreePercent, o.SizeBytes = freeBytes, freeInodes, freePercent, size
		m := manifesttest.New(t, randomTree(rng, int(n%500), o, c))
		if sparse {
			holes, err := FindHoles(context.Background(), m, o.BlockSize, c.Open)
			if err != nil {
				t.Fatal(err)
			}
			o.Holes = holes
		}
		l, err := Plan(m, o)
		if err != nil || l.Size() > 32<<20 {
			return
		}
		compare(t, bytes.NewReader(imageOf(t, l, c.Open)), m)
	})
}
