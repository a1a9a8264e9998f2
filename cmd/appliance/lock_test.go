package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// archive is a Debian archive with one suite, signed by a key of its own.
type archive struct {
	t     *testing.T
	key   *openpgp.Entity
	files map[string][]byte // by path
}

func newArchive(t *testing.T) *archive {
	key, err := openpgp.NewEntity("test", "", "test@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &archive{t, key, map[string][]byte{}}
}

// publish makes an index of stanzas and signs it.
func (a *archive) publish(packages string) {
	const dir = "/debian/dists/bookworm/"
	release := fmt.Sprintf("Suite: oldstable\nCodename: bookworm\nDate: %s\nSHA256:\n %x %d main/binary-amd64/Packages\n",
		time.Now().UTC().Add(-time.Hour).Format(time.RFC1123), sha256.Sum256([]byte(packages)), len(packages))
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, a.key.PrivateKey, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	fmt.Fprint(w, release)
	if err := w.Close(); err != nil {
		a.t.Fatal(err)
	}
	a.files[dir+"InRelease"] = signed.Bytes()
	a.files[dir+"main/binary-amd64/Packages"] = []byte(packages)
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(b)
}

func stanza(name, version, depends string) string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nDepends: %s\nFilename: pool/%s.deb\nSize: 1000\nSHA256: %064x\n\n", name, version, depends, name, len(name))
}

// A lock file is made, refreshed by what it says itself, and left alone when the
// archive cannot be trusted.
func TestLock(t *testing.T) {
	a := newArchive(t)
	server := httptest.NewServer(a)
	defer server.Close()
	dir := t.TempDir()
	var ring bytes.Buffer
	if err := a.key.Serialize(&ring); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keyring"), ring.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code int, stdout, stderr string) {
		var out, err strings.Builder
		p := &program{stdout: &out, stderr: &err, dir: dir, env: environment{"APPLIANCE_MIRROR_DEBIAN": server.URL + "/debian/"}}
		code = p.main(t.Context(), append([]string{"lock", "cc.lock.star", "--keyring=keyring"}, args...))
		return code, out.String(), err.String()
	}

	a.publish(stanza("make", "4.3", "libc6") + stanza("libc6", "2.36", "") + stanza("vim", "9", ""))
	if code, out, err := run("make", "--suite=bookworm"); code != 0 || out != "+ libc6 2.36\n+ make 4.3\ncc.lock.star: 2 packages, 2.0 kB\n" {
		t.Fatalf("make: %d\n%s%s", code, out, err)
	}
	a.publish(stanza("make", "4.4", "libgcc") + stanza("libgcc", "12", ""))
	if code, out, err := run(); code != 0 || out != "+ libgcc 12\n  make 4.3 -> 4.4\n- libc6 2.36\ncc.lock.star: 2 packages, 2.0 kB\n" {
		t.Fatalf("refresh: %d\n%s%s", code, out, err)
	}

	before := a.read(dir)
	a.files["/debian/dists/bookworm/main/binary-amd64/Packages"] = []byte(stanza("make", "6.66", ""))
	if code, out, err := run(); code == 0 || !strings.Contains(err, "Packages: got ") {
		t.Errorf("a forged index: %d\n%s%s", code, out, err)
	}
	other := newArchive(t)
	other.publish(stanza("make", "6.66", ""))
	a.files = other.files
	if code, out, err := run(); code == 0 || !strings.Contains(err, "signature") {
		t.Errorf("another key: %d\n%s%s", code, out, err)
	}
	a.files = nil
	if code, _, err := run(); code == 0 || !strings.Contains(err, "file does not exist") {
		t.Errorf("no archive: %d\n%s", code, err)
	}
	server.Close()
	if code, _, err := run(); code != exitEnvironment {
		t.Errorf("no network: exit code %d\n%s", code, err)
	}
	if after := a.read(dir); after != before {
		t.Errorf("the file has changed:\n%s", after)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".lock-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func (a *archive) read(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "cc.lock.star"))
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}
