package examples_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// layered runs the program in a workspace and returns all that it prints.
func layered(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"-C", dir, "--norc", "--ui=plain"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// needed are the files of the repository that the example takes from its layer.
var needed = []string{"APPLIANCE.star", "examples/khvmm"}

// pack is a compressed tar of files of the repository, below a directory.
func pack(t *testing.T, below string, names []string) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	repository := os.DirFS("..")
	for _, name := range names {
		err := fs.WalkDir(repository, name, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := fs.ReadFile(repository, p)
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			h := &tar.Header{Typeflag: tar.TypeReg, Name: below + "/" + p, Mode: int64(info.Mode().Perm()), Size: int64(len(b))}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
			_, err = w.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// A workspace takes an appliance from another one and changes it, without a copy
// and without an edit there. Where the other one comes from makes no difference:
// as a directory and as an archive it gives the same image, and only the layer is
// fetched for it.
func TestLayer(t *testing.T) {
	newWorkspace(t) // or skip
	byPath := t.TempDir()
	layered(t, "layer", "build", "--output="+byPath, "//:node", "//:node.uimage")
	checkNode(t, filepath.Join(byPath, "node.manifest"))
	layered(t, "layer", "build", "--nobuild", "//...")

	archive := pack(t, "appliance-1", needed)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/appliance-1.tar.gz" {
			http.NotFound(w, r)
			return
		}
		w.Write(archive)
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "layer")
	if err := os.CopyFS(dir, os.DirFS("layer")); err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "APPLIANCE.star"), `"../.."`, fmt.Sprintf(`{"url": %q, "sha256": "%x", "strip_prefix": "appliance-1"}`,
		server.URL+"/appliance-1.tar.gz", sha256.Sum256(archive)))
	out := layered(t, dir, "build", "//:node", "//:node.uimage")
	if !strings.Contains(out, " 0 ran, ") {
		t.Errorf("the archive's targets are built anew:\n%s", out)
	}
	for _, name := range []string{"node.manifest", "node.uimage"} {
		if !bytes.Equal(content(t, filepath.Join(byPath, name)), content(t, filepath.Join(dir, "out", name))) {
			t.Errorf("%s differs", name)
		}
	}
}

// replace changes a text that is in a file once.
func replace(t *testing.T, file, old, text string) {
	t.Helper()
	before := string(content(t, file))
	if strings.Count(before, old) != 1 {
		t.Fatalf("%s: want %s in it once", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(before, old, text, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkNode looks for what is the layer's, what is ours, and what has changed.
func checkNode(t *testing.T, manifest string) {
	t.Helper()
	lines := map[string]string{}
	for line := range strings.Lines(string(content(t, manifest))) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) > 5 {
			lines[fields[5]] = fields[len(fields)-1]
		}
	}
	for name, owner := range map[string]string{
		"/usr/bin/hello":                   "//:hello",
		"/etc/hostname":                    "//:node.system",
		"/etc/motd":                        "@appliance//examples/khvmm:files",
		"/bin/busybox":                     "@appliance//examples/khvmm:busybox",
		"/usr/bin/memcached":               "@rules//library/memcached:memcached",
		"/home/kehne/.ssh/authorized_keys": "//:node",
		"/etc/init.d/S40dropbear":          "@rules//library/dropbear:service",
	} {
		if lines[name] != owner {
			t.Errorf("%s comes from %q, want %s", name, lines[name], owner)
		}
	}
}

// The workspace around the example does not take its targets for its own.
func TestLayerIsAWorkspace(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the program")
	}
	out := layered(t, "..", "query", "//examples/...")
	if !strings.Contains(out, khvmm+"\n") || strings.Contains(out, "layer") {
		t.Errorf("got\n%s", out)
	}
}
