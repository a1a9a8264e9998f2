package lock

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/toolroot/keys"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// stanza is one package of an index; fields are lines.
func stanza(name, version string, fields ...string) string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nDescription: a\n text\n .\n of lines\n%sFilename: pool/main/%s_%s.deb\nSize: %d\nSHA256: %s\n\n",
		name, version, strings.Join(append(fields, ""), "\n"), name, strings.ReplaceAll(version, ":", "%3a"), len(name), digest.Of([]byte(name)).Hex())
}

// world is a small archive with what is hard about relations.
func world() string {
	return stanza("sh", "1.0", "Pre-Depends: libc (>= 2)", "Depends: awk, editor | vi, libx:any, perl (>= 5) | python,\n gone") +
		stanza("libc", "2.1", "Depends: libgcc", "Provides: libc-abi (= 2)") +
		stanza("libgcc", "1:12-1", "Depends: libc") +
		stanza("mawk", "1", "Provides: awk") +
		stanza("gawk", "5", "Provides: awk") +
		stanza("vi", "9") +
		stanza("libx", "1", "Depends: libc-abi (>= 2)") +
		stanza("libx", "1.5", "Depends: libc-abi (>= 2)") +
		strings.Replace(stanza("libx", "3"), "amd64", "i386", 1) +
		stanza("perl", "4", "Depends: nothing") +
		strings.Replace(stanza("python", "3"), "amd64", "all", 1) +
		stanza("gone", "1", "Depends: missing")
}

func index(t testing.TB, text string) *Index {
	t.Helper()
	packages, err := ParsePackages([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &Index{Source: Source{"debian", "stable", []string{"main"}}, Arch: "amd64", Date: now, Packages: packages}
}

func lockedNames(l *Lock) string {
	var names []string
	for _, p := range l.Packages {
		names = append(names, p.Name+"="+p.Version)
	}
	return strings.Join(names, " ")
}

// A tool root with a package too few does not run, and one that depends on the
// order of the request is not a lock.
func TestResolve(t *testing.T) {
	for _, test := range []struct {
		wanted, exclude []string
		want            string
	}{
		{[]string{"sh"}, []string{"gone"}, "gawk=5 libc=2.1 libgcc=1:12-1 libx=1.5 python=3 sh=1.0 vi=9"},
		{[]string{"sh", "mawk"}, []string{"gone"}, "libc=2.1 libgcc=1:12-1 libx=1.5 mawk=1 python=3 sh=1.0 vi=9"},
		{[]string{"mawk", "sh", "sh"}, []string{"vi", "gone", "libc"}, "libx=1.5 mawk=1 python=3 sh=1.0"},
		{nil, nil, ""},
	} {
		l, err := Resolve([]*Index{index(t, world())}, Request{"amd64", test.wanted, test.exclude})
		if err != nil {
			t.Errorf("%v: %v", test.wanted, err)
			continue
		}
		if got := lockedNames(l); got != test.want {
			t.Errorf("%v without %v:\ngot  %s\nwant %s", test.wanted, test.exclude, got, test.want)
		}
	}
}

// Of two suites the higher version is taken, with the mirror that has it.
func TestResolveSuites(t *testing.T) {
	security := index(t, stanza("libc", "2.1+deb1", "Depends: libgcc")+stanza("vi", "8"))
	security.Source.Mirror = "debian-security"
	l, err := Resolve([]*Index{index(t, world()), security}, Request{"amd64", []string{"libc", "vi"}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lockedNames(l), "libc=2.1+deb1 libgcc=1:12-1 vi=9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if l.Packages[0].Mirror != "debian-security" || l.Packages[2].Mirror != "debian" {
		t.Errorf("mirrors: got %v", l.Packages)
	}
}

// Errors say which name was meant, what there is, and who wants it.
func TestResolveErrors(t *testing.T) {
	for _, test := range []struct {
		wanted, exclude []string
		want            []string
	}{
		{[]string{"pyton", "qqqqqqqq"}, nil, []string{`no package "pyton" in the indices; did you mean "python"?`, `no package "qqqqqqqq" in the indices`}},
		{[]string{"awk"}, nil, []string{`package "awk" is virtual; want one of those that provide it: gawk, mawk`}},
		{[]string{"vi"}, []string{"vi", "libgc"}, []string{"package vi is wanted and excluded", `exclude: no package "libgc" in the indices; did you mean "libc"?`}},
		{[]string{"sh"}, nil, []string{"gone 1 depends on missing, and the indices have nothing of that name; the chain is sh -> gone"}},
		{[]string{"new"}, nil, []string{"new 1 depends on vi (>= 10) | libc-abi (<< 2), and the indices have vi 9; the chain is new"}},
		{[]string{"foreign"}, nil, []string{"foreign 1 depends on libc, and the indices have libc 2.1; the chain is foreign"}},
		{[]string{"broken"}, nil, []string{"package broken: Depends: "}},
	} {
		text := world() + stanza("new", "1", "Depends: vi (>= 10) | libc-abi (<< 2)") + stanza("foreign", "1", "Depends: libc:i386") + stanza("broken", "1", "Depends: a (>= ")
		_, err := Resolve([]*Index{index(t, text)}, Request{"amd64", test.wanted, test.exclude})
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: got %v, want %q", test.wanted, err, want)
			}
		}
	}
}

// A damaged index must not become a lock.
func TestParsePackagesErrors(t *testing.T) {
	good := stanza("a", "1")
	for text, want := range map[string]string{
		"words\n":          `line 1: got "words", want a field`,
		"\n\n folded: x\n": "line 3: got",
		"Package: a\n":     `package "a": want Package, Version and Architecture`,
		strings.Replace(good, "pool/", "../pool/", 1):     "want a clean relative path",
		strings.Replace(good, "Size: 1", "Size: x", 1):    `size "x": want a number`,
		strings.Replace(good, "SHA256: ", "SHA256: 0", 1): "want 64 hexadecimal digits",
	} {
		if _, err := ParsePackages([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// What is printed is what is parsed; the same request gives the same bytes
// whatever its order.
func TestFormat(t *testing.T) {
	l, err := Resolve([]*Index{index(t, world())}, Request{"amd64", []string{"sh", "mawk"}, []string{"vi", "gone", "libc", "libx", "python"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `"""Debian packages, pinned.

Written by ` + "`appliance lock`" + `. Change ASKED or WITHOUT and run it again.
"""

# Names whose closure of dependencies this is.
ASKED = [
    "mawk",
    "sh",
]

# Names that are left out of it, with what only they need.
WITHOUT = [
    "gone",
    "libc",
    "libx",
    "python",
    "vi",
]

# Where they are from, and the date of the indices.
ARCHITECTURE = "amd64"

SOURCES = [
    {"mirror": "debian", "suite": "stable", "components": ["main"], "date": "2026-07-01T12:00:00Z"},
]

LOCK = [
    {"name": "mawk", "version": "1", "path": "pool/main/mawk_1.deb", "sha256": "` + digest.Of([]byte("mawk")).Hex() + `", "size": 4},
    {"name": "sh", "version": "1.0", "path": "pool/main/sh_1.0.deb", "sha256": "` + digest.Of([]byte("sh")).Hex() + `", "size": 2},
]
`
	if diff := cmp.Diff(want, string(Format(l))); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	again, err := Parse(Format(l))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l, again, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b digest.Digest) bool { return a == b })); diff != "" {
		t.Fatalf("(-printed +parsed)\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"load('x')\n":                        `line 1: got "load('x')", want an assignment`,
		"ASKED = [\n    x,\n]\n":             `line 2: got "x"`,
		"LOCK = [\n    {\"nam\": 1},\n]\n":   `line 2: package: got`,
		"LOCK = [\n    {\"sha256\": \"0\"},": `line 2: package : sha256 "0"`,
		"ASKED = [\n":                        "ends in the middle of ASKED",
		"ASKED = sorted(X)\n":                "line 1: ASKED: want a list with one element a line",
		"ASKED = [\n    \"a\", \"b\",\n]":    "want one value a line",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// signer is a key that exists for one test.
func signer(t testing.TB) (*openpgp.Entity, Keyring) {
	t.Helper()
	e, err := openpgp.NewEntity("archive", "", "archive@example.com", config(now.AddDate(-1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	var public bytes.Buffer
	if err := e.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	k, err := ParseKeyring(public.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return e, k
}

func clearSigned(t testing.TB, e *openpgp.Entity, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, e.PrivateKey, config(now))
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func releaseText(files map[string][]byte, extra string) string {
	var b strings.Builder
	b.WriteString("Origin: Test\nSuite: stable\nCodename: bookworm\nDate: Wed, 01 Jul 2026 10:00:00 UTC\n" + extra + "SHA256:\n")
	for name, content := range files {
		fmt.Fprintf(&b, " %s %d %s\n", digest.Of(content).Hex(), len(content), name)
	}
	return b.String()
}

// fake serves files by URL.
func fake(files map[string][]byte) Get {
	return func(_ context.Context, url string) ([]byte, error) {
		b, ok := files[strings.TrimPrefix(url, "mirror://debian/dists/bookworm/")]
		if !ok {
			return nil, fmt.Errorf("%s: %w", url, fs.ErrNotExist)
		}
		return b, nil
	}
}

// An index is taken from a signed Release file only, in all the ways in which
// archives sign and store.
func TestLoad(t *testing.T) {
	e, keyring := signer(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte(world()))
	w.Close()
	gz := packed.Bytes()
	const dir = "main/binary-amd64/"
	listed := map[string][]byte{dir + "Packages.gz": gz, dir + "Packages": []byte(world())}
	plain := releaseText(listed, "")
	var detached bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&detached, e, strings.NewReader(plain), config(now)); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{
		"inline":   {"InRelease": clearSigned(t, e, plain), dir + "Packages.gz": gz},
		"by hash":  {"InRelease": clearSigned(t, e, releaseText(listed, "Acquire-By-Hash: yes\n")), dir + "by-hash/SHA256/" + digest.Of(gz).Hex(): gz},
		"detached": {"Release": []byte(plain), "Release.gpg": detached.Bytes(), dir + "Packages.gz": gz},
		"plain":    {"InRelease": clearSigned(t, e, releaseText(map[string][]byte{dir + "Packages": []byte(world())}, "")), dir + "Packages": []byte(world())},
	} {
		i, err := Load(context.Background(), fake(files), Source{"debian", "bookworm", []string{"main"}}, "amd64", keyring, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(i.Packages) != 12 || !i.Date.Equal(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: got %d packages of %s", name, len(i.Packages), i.Date)
		}
	}
}

// Whoever changes one byte on the way, replays an old index, or signs with
// another key gets nowhere.
func TestLoadErrors(t *testing.T) {
	e, keyring := signer(t)
	other, _ := signer(t)
	const dir = "main/binary-amd64/"
	listed := map[string][]byte{dir + "Packages": []byte(world())}
	good := clearSigned(t, e, releaseText(listed, ""))
	for name, test := range map[string]struct {
		release  []byte
		packages string
		want     string
	}{
		"other key":  {clearSigned(t, other, releaseText(listed, "")), world(), "no good signature by a key of the keyring"},
		"changed":    {bytes.Replace(good, []byte("Test"), []byte("Tost"), 1), world(), "no good signature"},
		"unsigned":   {[]byte(releaseText(listed, "")), world(), "want a signed message"},
		"outside":    {append([]byte("Date: x\n"), good...), "x", "as the Release file says"},
		"index":      {good, world() + " ", "as the Release file says; the mirror may be in the middle of an update"},
		"expired":    {clearSigned(t, e, releaseText(listed, "Valid-Until: Wed, 01 Jul 2026 11:00:00 UTC\n")), world(), "was valid until 2026-07-01T11:00:00Z"},
		"future":     {clearSigned(t, e, strings.Replace(releaseText(listed, ""), "2026", "2027", 1)), world(), "it is only 2026-07-01T12:00:00Z; set the clock"},
		"bad date":   {clearSigned(t, e, strings.Replace(releaseText(listed, ""), "UTC", "CEST", 1)), world(), "Date: got"},
		"suite":      {clearSigned(t, e, strings.Replace(releaseText(listed, ""), "bookworm", "sid", 1)), world(), `is suite "stable", codename "sid"; want "bookworm"`},
		"no index":   {clearSigned(t, e, releaseText(map[string][]byte{"main/binary-i386/Packages": nil}, "")), world(), "lists no Packages there"},
		"no release": {nil, "", "file does not exist"},
	} {
		files := map[string][]byte{dir + "Packages": []byte(test.packages)}
		if test.release != nil {
			files["InRelease"] = test.release
		}
		_, err := Load(context.Background(), fake(files), Source{"debian", "bookworm", []string{"main"}}, "amd64", keyring, now)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for _, b := range []string{"", "-----BEGIN nonsense", "\x00"} {
		if _, err := ParseKeyring([]byte(b)); err == nil {
			t.Errorf("keyring %q: want an error", b)
		}
	}
}

// The keys that come with us are the ones that README.md lists.
func TestDebianKeys(t *testing.T) {
	k, err := ParseKeyring(keys.Debian())
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../keys/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range k.keys {
		if print := fmt.Sprintf("%X", e.PrimaryKey.Fingerprint); !bytes.Contains(readme, []byte(print)) {
			t.Errorf("README.md lacks %s", print)
		}
	}
	if got := bytes.Count(readme, []byte("\n| `")); got != len(k.keys) {
		t.Errorf("README.md lists %d keys, want %d", got, len(k.keys))
	}
}

// With APPLIANCE_TEST_MIRROR set to the base of a Debian mirror, the closure of a
// cross compiler is resolved on it.
func TestRealMirror(t *testing.T) {
	mirror := os.Getenv("APPLIANCE_TEST_MIRROR")
	if mirror == "" {
		t.Skip("APPLIANCE_TEST_MIRROR is not set")
	}
	k, err := ParseKeyring(keys.Debian())
	if err != nil {
		t.Fatal(err)
	}
	get := func(_ context.Context, url string) ([]byte, error) {
		response, err := http.Get(mirror + "/" + strings.TrimPrefix(url, "mirror://debian/"))
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s: %w", url, response.Status, fs.ErrNotExist)
		}
		return io.ReadAll(response.Body)
	}
	start := time.Now()
	i, err := Load(context.Background(), get, Source{"debian", "bookworm", []string{"main"}}, "amd64", k, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages loaded in %s", len(i.Packages), time.Since(start))
	for _, name := range []string{
		"base", "autotools", "boot_test", "cc_arm64", "cc_exec", "cc_powerpc", "cc_x86_64", "judges", "libc_x86_64",
		"qemu_arm", "qemu_ppc", "qemu_x86", "u_boot_qemu",
	} {
		b, err := os.ReadFile("../" + name + ".lock.star")
		if err != nil {
			t.Fatal(err)
		}
		before, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		after, err := Resolve([]*Index{i}, Request{"amd64", before.Request.Wanted, before.Request.Exclude})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(strings.Fields(lockedNames(before)), strings.Fields(lockedNames(after))); diff != "" {
			t.Errorf("%s: (-locked +resolved)\n%s", name, diff)
		}
		t.Logf("%s: %d packages resolved in %s", name, len(after.Packages), time.Since(start))
	}
}

func FuzzParse(f *testing.F) {
	l, err := Resolve([]*Index{index(f, world())}, Request{"amd64", []string{"mawk", "libc"}, []string{"vi"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(Format(l))
	f.Add([]byte("ASKED = []\nLOCK = [\n]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Parse(b)
		if err != nil || l.Title == "" {
			return
		}
		again, err := Parse(Format(l))
		if err != nil {
			t.Fatalf("%v\n%s", err, Format(l))
		}
		if !bytes.Equal(Format(l), Format(again)) {
			t.Fatalf("%s\n%s", Format(l), Format(again))
		}
	})
}

// Whatever an index says, its closure is a lock or an error.
func FuzzPackages(f *testing.F) {
	f.Add(world(), "sh")
	f.Add(stanza("a", "1", "Depends: a | b (>= 1) [amd64] <!x>, ${y}"), "a")
	f.Fuzz(func(t *testing.T, text, wanted string) {
		packages, err := ParsePackages([]byte(text))
		if err != nil {
			return
		}
		l, err := Resolve([]*Index{{Arch: "amd64", Packages: packages}}, Request{"amd64", []string{wanted}, nil})
		if err != nil {
			return
		}
		if !slices.ContainsFunc(l.Packages, func(p Locked) bool { return p.Name == wanted }) {
			t.Fatalf("the lock lacks %q", wanted)
		}
	})
}

func FuzzVerify(f *testing.F) {
	e, keyring := signer(f)
	f.Add(clearSigned(f, e, releaseText(nil, "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		Verify(b, keyring, now)
		parseRelease(b, now)
	})
}
