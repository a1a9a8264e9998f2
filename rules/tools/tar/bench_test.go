package tar

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/judge"
)

// corpus is a directory on disk as a tree. A toolchain is the fair one:
// APPLIANCE_TAR_CORPUS names it.
type corpus struct {
	dir   string
	root  tree.Node
	size  int64 // bytes in files
	trees tree.Memory
	files map[digest.Digest]string
}

func openCorpus(b *testing.B) *corpus {
	dir := os.Getenv("APPLIANCE_TAR_CORPUS")
	if dir == "" {
		b.Skip("APPLIANCE_TAR_CORPUS names no directory")
	}
	c := &corpus{dir: dir, files: map[digest.Digest]string{}}
	builder := tree.NewBuilder(&c.trees)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n, err := c.node(p, d)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		return builder.Add(b.Context(), name, n, dir)
	})
	if err != nil {
		b.Fatal(err)
	}
	if c.root, err = builder.Build(b.Context(), &c.trees); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *corpus) node(p string, d fs.DirEntry) (tree.Node, error) {
	if d.Type() == fs.ModeSymlink {
		target, err := os.Readlink(p)
		return tree.NewLink(target), err
	}
	info, err := d.Info()
	if err != nil {
		return tree.Node{}, err
	}
	content, err := os.ReadFile(p)
	if err != nil {
		return tree.Node{}, err
	}
	c.size += info.Size()
	key := digest.Of(content)
	c.files[key] = p
	return tree.NewFile(key, info.Mode()&0o100 != 0), nil
}

func (c *corpus) source() Source {
	return Source{Trees: &c.trees, Open: func(_ context.Context, d digest.Digest) (io.ReadCloser, error) { return os.Open(c.files[d]) }}
}

// countingWriter only wants to know how much there was.
type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

func BenchmarkTar(b *testing.B) {
	c := openCorpus(b)
	for _, compression := range []Compression{{Format: "none"}, {Format: "gzip", Level: 6}, {Format: "zstd", Level: 1}, {Format: "zstd", Level: 3}, {Format: "zstd", Level: 6}, {Format: "zstd", Level: 19}} {
		b.Run(fmt.Sprintf("%s-%d", compression.Format, compression.Level), func(b *testing.B) {
			b.SetBytes(c.size)
			for b.Loop() {
				var out countingWriter
				err := Compress(b.Context(), &out, compression, func(w io.Writer) error { return Write(b.Context(), w, c.source(), c.root, "sdk") })
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out), "archive-bytes")
			}
		})
	}
}

// BenchmarkPeers runs the programs that others use on the same files.
func BenchmarkPeers(b *testing.B) {
	c := openCorpus(b)
	for _, pipe := range []string{"cat", "gzip -6", "zstd -1 -T0", "zstd -3 -T0", "zstd -9 -T0", "zstd -19 -T0"} {
		b.Run(pipe, func(b *testing.B) {
			script := `"$tar" --create --sort=name --owner=0 --group=0 --numeric-owner --mtime=@315532800 --directory="$dir" . | "$pipe" "$@"`
			argv := strings.Fields(pipe)
			b.SetBytes(c.size)
			for b.Loop() {
				var out countingWriter
				cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, argv[1:]...)...)
				cmd.Env = []string{"LC_ALL=C", "tar=" + judge.Tool(b, "tar"), "dir=" + c.dir, "pipe=" + judge.Tool(b, argv[0])}
				cmd.Stdout = &out
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out), "archive-bytes")
			}
		})
	}
}
