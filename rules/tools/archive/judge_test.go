package archive

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

// os.Root is the judge of links: what it cannot open because it leads out of the
// root, Unpack must refuse. (We refuse more: links that would lead out if
// directories on their way existed.)
func TestLinksAgainstRoot(t *testing.T) {
	refused, kept := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		links := randomLinks(r)
		var headers []tar.Header
		for p, target := range links {
			headers = append(headers, link(p, target))
		}
		_, err := unpack(`{}`, makeTar(t, headers...))
		escapes := escapesRoot(t, links)
		if escapes && err == nil {
			t.Fatalf("seed %d: links %q lead out of the tree", seed, links)
		}
		if err == nil {
			kept++
		}
		if escapes {
			refused++
		}
	}
	if refused < 40 || kept < 40 {
		t.Errorf("%d refused and %d kept: the test has lost its point", refused, kept)
	}
}

// randomLinks are a few links in a few directories that point at each other.
func randomLinks(r *rand.Rand) map[string]string {
	links := map[string]string{}
	for range 2 + r.IntN(4) {
		p := path.Join([]string{"", "d", "d/e"}[r.IntN(3)], fmt.Sprint("l", r.IntN(4)))
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = []string{"..", ".", "d", "e", "l0", "l1", "l2", "l3"}[r.IntN(8)]
		}
		links[p] = strings.Join(parts, "/")
	}
	return links
}

func escapesRoot(t *testing.T, links map[string]string) bool {
	t.Helper()
	dir := t.TempDir()
	for p, target := range links {
		if err := os.MkdirAll(filepath.Join(dir, path.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for p := range links {
		if _, err := root.Stat(p); err != nil && strings.Contains(err.Error(), "escapes") {
			return true
		}
	}
	return false
}

// What xz and bzip2 made of a directory d with a file a and a link l to it.
const (
	packedXZ = `
/Td6WFoAAAFpIt42AgAhARwAAAAQz1jM4Cf/AHZdADILvBunjDRE4cIHdej848CSZS+3Jmd2Zb4tRKaJOR6WteujLw/AFlPQ6gFY
Z8Dv7IQoxVoe4Ze2BDjxNot4rTfbwxWhyTOsetBzyhKxzB1usS5V+V2pyaMclbuigjU4x0KmY1WTkOdyL2oJxMgx8r9FwQfZ0wAA
AADElZJZAAGOAYBQAABOEGpbPjANiwIAAAAAAVla`
	packedBzip2 = `
QlpoOTFBWSZTWf1QDxQAAKL7gMmQAEBAAP+AAAPmRJ4ABAggAHQbUp6jRDGkNojaaaCSkHqaGQaAAPtOLJsIQTIAtegSJSaT6ICu
ZwMqkhDgXNnomWH8eUBAtt2gA55UNoumeMXlesG3whazBK2h+qqNdSamVKnVVkIS7F3JFOFCQ/VAPFA=`
)

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// xz and bzip2, without these programs; each byte that is lost or damaged is
// noticed.
func TestPacked(t *testing.T) {
	want := map[string]string{"a": "file hello\n", "l": "link a"}
	for name, packed := range map[string][]byte{"xz": decode(t, packedXZ), "bzip2": decode(t, packedBzip2)} {
		wantLines(t, name, `{"strip_prefix": "d"}`, packed, want)
		if _, err := unpack(`{}`, packed[:len(packed)*2/3]); err == nil {
			t.Errorf("%s: truncated: want an error", name)
		}
		damaged := bytes.Clone(packed)
		damaged[len(damaged)/2] ^= 4
		if _, err := unpack(`{}`, damaged); err == nil {
			t.Errorf("%s: damaged: want an error", name)
		}
	}
}

// The decompressors meet hostile bytes in a goroutine of their own.
func FuzzDecompress(f *testing.F) {
	f.Add(decode(f, packedXZ))
	f.Add(decode(f, packedBzip2))
	f.Add(gzipped([]byte("hello")))
	f.Add(zstandard([]byte("hello")))
	f.Fuzz(func(t *testing.T, b []byte) {
		call := treetest.New(`{"max_size_mib": 1}`)
		call.AddFile("archive", "x", b)
		Tool().Run(t.Context(), call)
	})
}
