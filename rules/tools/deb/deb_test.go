package deb

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kittyhawk/appliance/rules/tools/trees"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

// dataTar is what a package of two programs holds: names that begin with "./",
// absolute links, a setuid program.
func dataTar(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 3},
		{Name: "./usr/bin/sg", Typeflag: tar.TypeLink, Linkname: "./usr/bin/su"},
		{Name: "./etc/alternatives/su", Typeflag: tar.TypeSymlink, Linkname: "/usr/bin/su"},
		{Name: "./usr/share/doc/su/copyright", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("abc"))
		}
	}
	w.Close()
	return b.Bytes()
}

// pack makes a package of members given as name, content, name, content.
func pack(members ...string) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for i := 0; i < len(members); i += 2 {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", members[i], 0, 0, 0, "100644", len(members[i+1]), members[i+1])
		if b.Len()&1 != 0 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func gzipped(b []byte) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.String()
}

func zstandard(b []byte) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll(b, nil))
}

// Each compression that Debian has used gives the same tree: without
// documentation, with absolute links, without modes.
func TestTool(t *testing.T) {
	data := dataTar(t)
	for name, deb := range map[string][]byte{
		"gzip":  pack("debian-binary", "2.0\n", "control.tar.gz", "x", "data.tar.gz", gzipped(data)),
		"zstd":  pack("debian-binary", "2.0\n", "_extra", "odd", "control.tar.zst", "", "data.tar.zst", zstandard(data)),
		"plain": pack("debian-binary/", "2.1\n", "control.tar", "xy", "data.tar/", string(data)),
	} {
		call := treetest.New(`{"exclude": ["usr/share/doc/**"]}`)
		call.AddFile("deb", "su.deb", deb)
		if err := Tool().Run(context.Background(), call); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := map[string]string{"usr/bin/su": "exec abc", "usr/bin/sg": "exec abc", "etc/alternatives/su": "link /usr/bin/su"}
		if diff := cmp.Diff(want, call.Lines("tree")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// What is no package, or half of one, is told in words.
func TestErrors(t *testing.T) {
	whole := pack("debian-binary", "2.0\n", "control.tar.gz", "x", "data.tar.gz", gzipped(dataTar(t)))
	for _, test := range []struct {
		deb  []byte
		want string
	}{
		{nil, `not a Debian package: the file begins with ""`},
		{[]byte("<html>hello</html>"), `not a Debian package: the file begins with "<html>he"`},
		{whole[:100], "truncated before data.tar"},
		{whole[:134], "no member data.tar"},
		{whole[:len(whole)-40], "data.tar: the archive is truncated"},
		{pack("control.tar.gz", "x"), `the first member is "control.tar.gz"`},
		{pack("debian-binary", "3.0\n"), `package format "3.0\n", want 2.0`},
		{pack("debian-binary", "2.0\n", "debug.tar", "x"), `member "debug.tar": want control.tar`},
		{bytes.Replace(whole, []byte("`\n"), []byte("``"), 1), "the header ends with"},
	} {
		call := treetest.New(`{}`)
		call.AddFile("deb", "su.deb", test.deb)
		err := Tool().Run(context.Background(), call)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// dpkg-deb is the judge: what it packs, with any compression it knows, is what
// we unpack.
func TestAgainstDpkgDeb(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("no dpkg-deb here")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"DEBIAN/control":     "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n",
		"usr/lib/x/data":     strings.Repeat("data\n", 10000),
		"usr/share/x/readme": "read me",
	} {
		p := filepath.Join(dir, "x", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, z := range []string{"xz", "gzip", "zstd", "none"} {
		out := filepath.Join(dir, z+".deb")
		if b, err := exec.Command(dpkg, "-Z"+z, "--root-owner-group", "-b", filepath.Join(dir, "x"), out).CombinedOutput(); err != nil {
			t.Logf("dpkg-deb cannot write %s: %s", z, b)
			continue
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		call := treetest.New(`{}`)
		call.AddFile("deb", z, b)
		if err := Tool().Run(context.Background(), call); err != nil {
			t.Errorf("%s: %v", z, err)
		}
		want := map[string]string{"usr/lib/x/data": "file " + strings.Repeat("data\n", 10000), "usr/share/x/readme": "file read me"}
		if diff := cmp.Diff(want, call.Lines("tree")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", z, diff)
		}
	}
}

// Whatever bytes come, they make a tree or an error.
func FuzzUnpack(f *testing.F) {
	f.Add(pack("debian-binary", "2.0\n", "control.tar.gz", "x", "data.tar", string(dataTar(f))))
	f.Add(pack("debian-binary", "2.0\n", "data.tar.gz", gzipped(dataTar(f))))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, _ := treetest.New(`{}`).CreateTree("tree")
		if err := Unpack(context.Background(), bytes.NewReader(b), trees.Selection{}, w); err != nil {
			return
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
