package tar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/archive"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

// sample has one of everything, and names at the limits of the formats.
func sample() map[string]string {
	content := map[string]string{
		"bin/cc":                         "exec compiler",
		"bin/powerpc-linux-gcc":          "exec compiler",
		"bin/sh":                         "link ../lib/sh",
		"empty":                          "file ",
		"empty.d":                        "dir",
		"exec.empty":                     "exec ",
		"include/a.h":                    "file same",
		"include/b.h":                    "file same",
		"name with blank":                "file x",
		"new\nline":                      "file x",
		"zz-ünïcödé":                     "file x",
		"latin-\xe9":                     "file x",
		"to/latin":                       "link ../latin-\xe9",
		"to/" + strings.Repeat("t", 100): "link " + strings.Repeat("t", 100),
		"to/" + strings.Repeat("u", 101): "link " + strings.Repeat("u", 101),
	}
	for _, length := range []int{99, 100, 101, 154, 155, 156, 255} {
		name := strings.Repeat("n", length)
		content["long/"+name] = "file " + name
		content[strings.Repeat("d", length)+"/x"] = "exec x"
	}
	content[strings.Repeat("deep/", 100)+"x"] = "file deep"
	return content
}

// archiveOf runs the tool on a tree.
func archiveOf(t testing.TB, args string, content map[string]string) []byte {
	t.Helper()
	call := treetest.New(args)
	call.AddTree("tree", "//:tree", content)
	if err := Tool().Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	return outputOf(t, call)
}

func outputOf(t testing.TB, call *treetest.Call) []byte {
	t.Helper()
	r, err := call.Open(context.Background(), call.Outputs["archive"].Digest)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpacked is the tree that the unpack tool makes of an archive.
func unpacked(t testing.TB, args string, b []byte) map[string]string {
	t.Helper()
	call := treetest.New(args)
	call.AddFile("archive", "a.tar", b)
	if err := archive.Tool().Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	return call.Lines("tree")
}

// What is put in comes out again, whatever the compression and the directory.
func TestRoundTrip(t *testing.T) {
	want := sample()
	for _, compression := range []string{`"none"`, `"gzip", "level": 1`, `"zstd", "level": 1`} {
		for _, directory := range []string{"", "sdk", "opt/" + strings.Repeat("sdk", 40)} {
			b := archiveOf(t, fmt.Sprintf(`{"compression": %s, "directory": %q}`, compression, directory), want)
			got := unpacked(t, fmt.Sprintf(`{"strip_prefix": %q, "allow_escaping_links": true}`, directory), b)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("compression %s, directory %q (-want +got):\n%s", compression, directory, diff)
			}
		}
	}
}

// Names that no one has thought of.
func TestRandomTrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		want := map[string]string{}
		for i := range 1 + rng.IntN(60) {
			dir := strings.Repeat(randomName(rng)+"/", rng.IntN(4))
			want[fmt.Sprintf("%d/%s%s", i, dir, randomName(rng))] = []string{"dir", "file ", "exec x", "link " + randomName(rng), "file " + strings.Repeat("c", rng.IntN(2000))}[rng.IntN(5)]
		}
		got := unpacked(t, `{"allow_escaping_links": true}`, archiveOf(t, `{"compression": "none"}`, want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func randomName(rng *rand.Rand) string {
	name := make([]byte, 1+rng.IntN(1+rng.IntN(255)))
	for i := range name {
		name[i] = byte(1 + rng.IntN(255))
		if name[i] == '/' || name[i] == '.' {
			name[i] = 'x'
		}
	}
	return string(name)
}

// noise is n bytes that compress, but not away.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rng.IntN(8))
	}
	return b
}

// Two machines with different core counts must agree on every byte, or no
// archive could be shared between them. More than one job of zstd, which has to
// be cut at the same places.
func TestSameBytesForAllWorkers(t *testing.T) {
	data := noise(4*window + 5*window/2)
	for _, c := range []Compression{{Format: "gzip", Level: 1}, {Format: "zstd", Level: 1}, {Format: "zstd", Level: 3}} {
		var want []byte
		for _, c.Workers = range []int{1, 2, 5} {
			got := compressed(t, c, data)
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s -%d: %d workers give other bytes than 1", c.Format, c.Level, c.Workers)
			}
		}
		r, _, err := archive.Decompress(bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s -%d: unpacked bytes differ (%v)", c.Format, c.Level, err)
		}
	}
}

// The sizes of what is written make no difference either.
func TestSameBytesForAllWrites(t *testing.T) {
	data := noise(1 << 20)
	for _, c := range []Compression{{Format: "none"}, {Format: "gzip", Level: 6}, {Format: "zstd", Level: 6}} {
		var got bytes.Buffer
		err := Compress(context.Background(), &got, c, func(w io.Writer) error {
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%4099)
				if _, err := w.Write(rest[:n]); err != nil {
					return err
				}
				rest = rest[n:]
			}
			return nil
		})
		if err != nil || !bytes.Equal(got.Bytes(), compressed(t, c, data)) {
			t.Errorf("%s: other bytes (%v)", c.Format, err)
		}
	}
}

func compressed(t testing.TB, c Compression, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	err := Compress(context.Background(), &out, c, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The bytes are part of cache keys of everything downstream. If this fails, raise
// the tool's version and put the new digests here.
func TestGoldenDigests(t *testing.T) {
	if v := Tool().Version; v != 1 {
		t.Fatalf("Version is %d: put the digests of that version here", v)
	}
	content := sample()
	content["noise"] = "file " + string(noise(300_000))
	for args, want := range map[string]string{
		`{"compression": "none"}`:                                    "d54a3529b663c9f5e1706ad5880c54d4d37ceaa74ae0a8524a579bd3f6a6e0f1/454656",
		`{"compression": "gzip", "level": 9, "directory": "sdk"}`:    "4c3bf6ecd576a755b51c584084f72a4e7f455d0735e0d1615767c808fcac8e16/124017",
		`{"compression": "zstd", "level": 1, "directory": "sdk"}`:    "fd4074c06ecbc42ce17f2f8cef50c0ca6266c11bc74f6b50f19626267aec1df4/240769",
		`{"compression": "zstd", "level": 3, "directory": "sdk"}`:    "5896557429aab07e9228e5680b98f1cee3f2b03240229b988e9cc72d5c8ac93e/136866",
		`{"compression": "zstd", "level": 6, "directory": "sdk"}`:    "e481d13ee67d365f0a05a4c4e336316b1f6ac53d72b0c5930a9bf2cbc55721ba/132735",
		`{"compression": "zstd", "level": 19, "directory": "opt/a"}`: "18a4b1515cd85cbaa1eb8b165f745f3b62dc548dd3a3b5c6b474acbdb584cf02/121463",
	} {
		if got := digest.Of(archiveOf(t, args, content)).String(); got != want {
			t.Errorf("%s: got %s, want %s", args, got, want)
		}
	}
}

// Each mistake has an error that says what is wanted.
func TestBadArguments(t *testing.T) {
	for args, want := range map[string]string{
		`{}`:                                                       `compression "": want "zstd", "gzip" or "none"`,
		`{"compression": "zip"}`:                                   `compression "zip": want "zstd", "gzip" or "none"`,
		`{"compression": "none", "level": 1}`:                      "level 1: what is not compressed has none; want 0",
		`{"compression": "gzip"}`:                                  "level 0: gzip has levels 1 to 9",
		`{"compression": "gzip", "level": 10}`:                     "level 10: gzip has levels 1 to 9",
		`{"compression": "zstd", "level": 20}`:                     "level 20: zstd has levels 1 to 19",
		`{"compression": "zstd", "level": -1}`:                     "level -1: zstd has levels 1 to 19",
		`{"compression": "none", "directory": "/opt"}`:             `directory "/opt": want a clean relative path`,
		`{"compression": "none", "directory": "a/"}`:               `directory "a/": want a clean relative path`,
		`{"compression": "zstd", "level": 3, "directory": "../a"}`: `directory "../a": want a clean relative path`,
		`{"compression": "none", "directory": "."}`:                `directory ".": want a clean relative path`,
		`{"compression": "none", "mode": 1}`:                       `unknown field "mode"`,
	} {
		call := treetest.New(args)
		call.AddTree("tree", "//:tree", sample())
		if err := Tool().Run(context.Background(), call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
	call := treetest.New(`{"compression": "none"}`)
	call.AddFile("tree", "file", nil)
	if err := Tool().Run(context.Background(), call); err == nil || !strings.Contains(err.Error(), `input "tree"`) {
		t.Errorf("a file: got %v", err)
	}
}

type failingWriter struct {
	left int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

// A full disk is reported as such, at whichever byte it is full, and nothing is
// left running: the bubble would not end.
func TestDiskFull(t *testing.T) {
	full, data := errors.New("no space left on device"), noise(1<<20)
	for _, c := range []Compression{{Format: "none"}, {Format: "gzip", Level: 1}, {Format: "zstd", Level: 1, Workers: 3}} {
		size := len(compressed(t, c, data))
		for left := 0; left < size; left += size/20 + 1 {
			synctest.Test(t, func(t *testing.T) {
				err := Compress(context.Background(), &failingWriter{left, full}, c, func(w io.Writer) error {
					_, err := w.Write(data)
					return err
				})
				if !errors.Is(err, full) {
					t.Errorf("%s, after %d of %d bytes: got %v, want %v", c.Format, left, size, err, full)
				}
			})
		}
	}
}

// What the writer of the archive has to say is what is reported.
func TestFailingSource(t *testing.T) {
	broken := errors.New("input/output error")
	for _, c := range []Compression{{Format: "none"}, {Format: "gzip", Level: 1}, {Format: "zstd", Level: 1}} {
		synctest.Test(t, func(t *testing.T) {
			err := Compress(context.Background(), io.Discard, c, func(w io.Writer) error {
				w.Write(noise(1 << 20))
				return broken
			})
			if !errors.Is(err, broken) {
				t.Errorf("%s: got %v, want %v", c.Format, err, broken)
			}
		})
	}
}

// Content that is not what its digest says makes no archive that looks good.
func TestWrongContent(t *testing.T) {
	call := treetest.New("{}")
	root := call.Tree(map[string]string{"a/b": "file four"})
	for content, want := range map[string]string{
		"4":     `"a/b": content is shorter than its digest says, by 3 bytes`,
		"four+": `"a/b": content is longer than its digest says`,
	} {
		from := Source{Trees: call.Trees(), Open: func(context.Context, digest.Digest) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}}
		if err := Write(context.Background(), io.Discard, from, root, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

// An interrupted build does not finish an archive first.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	call := treetest.New("{}")
	root, opened := call.Tree(sample()), 0
	from := Source{Trees: call.Trees(), Open: func(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
		if opened++; opened == 3 {
			cancel()
		}
		return call.Open(ctx, d)
	}}
	if err := Write(ctx, io.Discard, from, root, ""); !errors.Is(err, context.Canceled) || opened != 3 {
		t.Errorf("got %v after %d files, want %v after 3", err, opened, context.Canceled)
	}
}

// An archive of nothing is one, too.
func TestEmptyTree(t *testing.T) {
	call := treetest.New(`{"compression": "zstd", "level": 1}`)
	call.Sink().PutDirectory(context.Background(), tree.Empty)
	call.AddTree("tree", "//:tree", nil)
	if err := Tool().Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	if got := unpacked(t, "{}", outputOf(t, call)); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
