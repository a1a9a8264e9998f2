package cpio

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// randomTree makes a manifest of about n entries: mostly small files, and some
// of everything else.
func randomTree(rng *rand.Rand, n int, c manifesttest.Contents) []manifest.Entry {
	entries := []manifest.Entry{randomEntry(rng, "", manifest.Directory)}
	dirs, files := []string{""}, []string{}
	used := map[string]bool{"": true, trailerName: true}
	for range n {
		path := randomPath(rng, dirs[rng.IntN(len(dirs))])
		if used[path] || len(path) > 4000 {
			continue
		}
		used[path] = true
		e := randomEntry(rng, path, manifest.Type("fffffflhddcbps"[rng.IntN(14)]))
		switch e.Type {
		case manifest.Directory:
			dirs = append(dirs, path)
		case manifest.File:
			e.Digest = c.Add(bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(1+rng.IntN(5000))))
			files = append(files, path)
		case manifest.Link:
			if len(files) == 0 {
				continue
			}
			e = manifesttest.Link(path, files[rng.IntN(len(files))])
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

func randomEntry(rng *rand.Rand, path string, kind manifest.Type) manifest.Entry {
	e := manifest.Entry{Path: path, Type: kind, Mode: rng.Uint32N(0o10000), UID: randomID(rng), GID: randomID(rng)}
	switch kind {
	case manifest.Symlink:
		e.Mode, e.Target = 0o777, string(bytes.Repeat([]byte("t"), 1+rng.IntN(4095)))
	case manifest.Char, manifest.Block:
		e.Major, e.Minor = rng.Uint32N(1<<12), rng.Uint32N(1<<20)
	}
	if rng.IntN(4) == 0 {
		e.Xattrs = []manifest.Xattr{{Name: "user.a", Value: []byte("b")}}
	}
	return e
}

func randomID(rng *rand.Rand) uint32 {
	if rng.IntN(2) == 0 {
		return 0
	}
	return rng.Uint32() >> rng.IntN(32) &^ 1
}

// Whatever the file system: what the kernel makes is what was asked for.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkRandom(t, seed, 300, 0, 0) })
	}
}

// No tree and no option makes the planner panic, and what it accepts becomes an
// archive that reads back.
func FuzzPlan(f *testing.F) {
	f.Add(uint64(1), uint16(30), int64(0), 0)
	f.Add(uint64(2), uint16(300), int64(1<<32-1), 1024)
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, time int64, blockSize int) {
		checkRandom(t, seed, int(n%500), time, blockSize)
	})
}

func checkRandom(t *testing.T, seed uint64, n int, time int64, blockSize int) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, randomTree(rand.New(rand.NewPCG(seed, 0)), n, c))
	o := Options{Time: time, BlockSize: blockSize, DropXattrs: true}
	l, err := Plan(m, o)
	if _, bad := o.withDefaults(); bad != nil {
		if err == nil {
			t.Errorf("planned with %+v, which is %v", o, bad)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	archive := archiveOf(t, l, c.Open)
	compare(t, readBack(t, archive), wanted(t, m))
	sameTime(t, archive, l.options.Time)
}
