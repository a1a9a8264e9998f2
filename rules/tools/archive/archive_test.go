package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

// makeTar makes an archive of headers; a regular file holds its own name.
func makeTar(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			w.Write([]byte(h.Name))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func regular(name string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}
}

func directory(name string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}
}

func link(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
}

func hard(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}
}

// source is a source archive as upstreams make them.
func source(t testing.TB) []byte {
	long := "x-1/" + strings.Repeat("long/", 40) + strings.Repeat("n", 200)
	configure := regular("x-1/configure")
	configure.Mode = 0o755
	return makeTar(t,
		tar.Header{Name: "pax_global_header", Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "0123"}},
		directory("x-1/"), configure, regular("x-1/src/a.c"), link("x-1/src/b.c", "a.c"),
		hard("x-1/src/c.c", "x-1/src/a.c"), directory("x-1/empty/"), regular(long),
		hard("x-1/src/a.c", "x-1/src/a.c"), regular("x-1/src/a.c"))
}

func sourceLines() map[string]string {
	long := strings.Repeat("long/", 40) + strings.Repeat("n", 200)
	return map[string]string{
		"configure": "exec x-1/configure", "src/a.c": "file x-1/src/a.c", "src/b.c": "link a.c",
		"src/c.c": "file x-1/src/a.c", "empty": "dir", long: "file x-1/" + long,
	}
}

// unpack runs the tool; the result is the lines of the tree.
func unpack(args string, archive []byte) (map[string]string, error) {
	call := treetest.New(args)
	call.AddFile("archive", "x-1.tar", archive)
	if err := Tool().Run(context.Background(), call); err != nil {
		return nil, err
	}
	return call.Lines("tree"), nil
}

// An archive in an archive is unpacked from the tree that the outer one became.
func TestMember(t *testing.T) {
	run := func(member string) (map[string]string, error) {
		call := treetest.New(`{"member": "` + member + `", "strip_components": 1}`)
		call.AddTree("archive", "outer", map[string]string{"inner/x-1.tar": "file " + string(source(t)), "inner/other": "file not wanted"})
		err := Tool().Run(context.Background(), call)
		return call.Lines("tree"), err
	}
	got, err := run("inner/x-1.tar")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sourceLines(), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, member := range []string{"inner/x-2.tar", "inner"} {
		_, err := run(member)
		if want := "member: no file " + member + " in outer"; err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", member, err, want)
		}
	}
}

func wantLines(t *testing.T, name, args string, archive []byte, want map[string]string) {
	t.Helper()
	got, err := unpack(args, archive)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstandard(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// filter packs b with a program that others use.
func filter(t *testing.T, b []byte, argv ...string) []byte {
	t.Helper()
	c := exec.Command(judge.Tool(t, argv[0]), argv[1:]...)
	c.Stdin = bytes.NewReader(b)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An archive gives the same tree however it is compressed; names do not matter,
// nor does what tapes leave behind.
func TestCompressions(t *testing.T) {
	b := source(t)
	for name, packed := range map[string][]byte{
		"tar":              b,
		"gzip":             gzipped(b),
		"gzip in two":      append(gzipped(b[:1000]), gzipped(b[1000:])...),
		"gzip and padding": append(gzipped(b), make([]byte, 1024)...),
		"zstd":             zstandard(b),
	} {
		wantLines(t, name, `{"strip_components": 1}`, packed, sourceLines())
	}
	for _, argv := range [][]string{{"xz", "-c"}, {"bzip2", "-c"}, {"xz", "-c", "--check=sha256", "--x86", "--lzma2"}} {
		t.Run(strings.Join(argv, " "), func(t *testing.T) {
			wantLines(t, argv[0], `{"strip_prefix": "x-1"}`, filter(t, b, argv...), sourceLines())
		})
	}
}

// The parts that includes and excludes name.
func TestSelection(t *testing.T) {
	b := source(t)
	wantLines(t, "include", `{"strip_prefix": "x-1", "include": ["src", "**/nothing"], "exclude": ["**/b.c"]}`, b,
		map[string]string{"src/a.c": "file x-1/src/a.c", "src/c.c": "file x-1/src/a.c"})
	wantLines(t, "prefix below", `{"strip_prefix": "x-1/src"}`, makeTar(t, directory("x-1"), directory("x-1/src"), regular("x-1/src/a")),
		map[string]string{"a": "file x-1/src/a"})
}

// An entry that would reach out of the tree, or that cannot be what it was, is
// refused by name.
func TestHostileEntries(t *testing.T) {
	device := tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock}
	executable := regular("a")
	executable.Mode = 0o755
	for _, test := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"dotdot", makeTar(t, regular("a/../../b")), `entry "a/../../b": ".." in the name`},
		{"absolute", makeTar(t, regular("/etc/passwd")), `entry "/etc/passwd": absolute name`},
		{"through link", makeTar(t, link("a", "."), regular("a/b")), `entry "a/b": would be written through the symbolic link "a" -> "."`},
		{"through file", makeTar(t, regular("a"), regular("a/b/c")), `entry "a/b/c": "a" above it is a file`},
		{"file over directory", makeTar(t, regular("a/b"), regular("a")), `entry "a": is a file, but an entry before it made the same path a directory`},
		{"directory over file", makeTar(t, regular("a"), directory("a")), `entry "a": is a directory, but an entry before it made the same path a file`},
		{"link over file", makeTar(t, regular("a"), link("a", "b")), `entry "a": is a symbolic link, but`},
		{"two links", makeTar(t, link("a", "b"), link("a", "c")), `entry "a": links to "c", but an entry before it of the same path links to "b"`},
		{"mode", makeTar(t, regular("a"), executable), `entry "a": comes twice, once executable and once not`},
		{"hard link out", makeTar(t, hard("a", "../b")), `entry "a": hard link to "../b": ".." in the name`},
		{"hard link absolute", makeTar(t, hard("a", "/etc/shadow")), `entry "a": hard link to "/etc/shadow": absolute name`},
		{"hard link before", makeTar(t, hard("a", "b"), regular("b")), `entry "a": hard link to "b", which no entry before it is`},
		{"hard link to directory", makeTar(t, directory("b"), hard("a", "b")), `entry "a": hard link to "b", which is a directory`},
		{"device", makeTar(t, device), `entry "dev/sda": is a block device`},
		{"long part", makeTar(t, regular(strings.Repeat("x", 256))), `a part of 256 bytes`},
		{"long path", makeTar(t, regular(strings.Repeat("x/", 2048)+"x")), `want at most 4095`},
		{"absolute link", makeTar(t, link("a", "/etc")), `symbolic link "a" -> "/etc" leads out of the tree`},
		{"climbing link", makeTar(t, link("a/b", "../../c")), `symbolic link "a/b" -> "../../c" leads out of the tree`},
		{"climbing by another", makeTar(t, link("a/up", ".."), link("b", "a/up/../c")), `symbolic link "b" -> "a/up/../c" leads out`},
		{"file as root", makeTar(t, link("./.", "a")), `entry "./.": the root of the tree must be a directory`},
		{"other content", makeTar(t, regular("a"), regular("./a")), `entry "./a": comes twice, with different content`},
		{"empty", nil, `the file begins with ""`},
		{"lzip", []byte("LZIP\x01rest"), "the file is lzip; want tar"},
		{"text", []byte("hello"), `the file begins with "hello"`},
		{"compressed text", gzipped(bytes.Repeat([]byte("hello"), 200)), "no tar header at byte 512"},
	} {
		_, err := unpack(`{}`, test.archive)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "unpack x-1.tar: ") {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// Links that lead out are kept for whoever says so; links that only seem to, for
// everybody.
func TestEscapingLinks(t *testing.T) {
	wantLines(t, "allowed", `{"allow_escaping_links": true}`, makeTar(t, link("a", "/etc"), link("b", "../c")),
		map[string]string{"a": "link /etc", "b": "link ../c"})
	wantLines(t, "inside", `{}`, makeTar(t, link("a/b", "../c"), link("a/d", "..//./a/../x"), link("loop", "loop/..")),
		map[string]string{"a/b": "link ../c", "a/d": "link ..//./a/../x", "loop": "link loop/.."})
}

// A wrong prefix is answered with the right one.
func TestStripErrors(t *testing.T) {
	b := makeTar(t, regular("y-2/a"), regular("y-2/b"), regular("package.xml"))
	for _, test := range []struct{ args, want string }{
		{`{"strip_prefix": "y-1"}`, `entry "y-2/a": lies outside of strip_prefix "y-1"; the top level of the archive is "package.xml", "y-2/"`},
		{`{"strip_prefix": "y-2"}`, `entry "package.xml": lies outside of strip_prefix "y-2"; the top level of the archive is "package.xml"`},
		{`{"strip_components": 1}`, `entry "package.xml": lies outside of "y-2", which strip_components 1 takes off`},
		{`{"strip_components": 2}`, `entry "y-2/a": has fewer directories than strip_components 2 takes off`},
		{`{"strip_components": 1, "strip_prefix": "a"}`, `want one of them`},
		{`{"strip_prefix": "/a"}`, `strip_prefix "/a": want a clean relative path`},
		{`{"strip_prefix": "./a"}`, `strip_prefix "./a": want a clean relative path`},
		{`{"include": ["[a"]}`, `pattern "[a": malformed`},
		{`{"max_size_mib": -1}`, `limits: negative`},
		{`{"strip": 1}`, `unknown field`},
	} {
		_, err := unpack(test.args, b)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.args, err, test.want)
		}
	}
}

// A truncated archive says how far it got, wherever the cut is.
func TestTruncated(t *testing.T) {
	b := source(t)
	for name, packed := range map[string][]byte{"tar": b[:3075], "gzip": gzipped(b)[:300], "zstd": zstandard(b)[:200]} {
		_, err := unpack(`{}`, packed)
		if err == nil || !strings.Contains(err.Error(), "the archive is truncated") || !strings.Contains(err.Error(), "the last of them") && name == "tar" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	damaged := gzipped(b)
	damaged[len(damaged)-8]++
	if _, err := unpack(`{}`, damaged); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("damaged: got %v", err)
	}
}

// A bomb ends at the limit, with files or without.
func TestLimits(t *testing.T) {
	many := make([]tar.Header, 20)
	for i := range many {
		many[i] = directory(fmt.Sprint("d", i))
	}
	sparse := makeTar(t, tar.Header{Name: "s", Typeflag: tar.TypeSymlink, Linkname: "x"})
	for _, test := range []struct {
		limits  Limits
		archive []byte
		want    string
	}{
		{Limits{Entries: 10}, makeTar(t, many...), `entry "d10": more than 10 entries`},
		{Limits{Bytes: 3}, makeTar(t, regular("abcd")), `entry "abcd": the archive unpacks to more than the limit of 3 bytes`},
		{Limits{Bytes: 3}, sparse, ""},
	} {
		w, _ := treetest.New(`{}`).CreateTree("tree")
		err := Unpack(context.Background(), bytes.NewReader(test.archive), int64(len(test.archive)), Options{Limits: test.limits}, w)
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	limit, words := Limits{Bytes: 64 << 30, Ratio: 1000}.bytes(4 << 20)
	if limit != 1000*4<<20 || !strings.Contains(words, "suspiciously much") {
		t.Errorf("got %d, %s", limit, words)
	}
}

// The stream is ended even where no file takes its bytes.
func TestMeterEndsStream(t *testing.T) {
	m := &meter{r: bytes.NewReader(make([]byte, 100)), left: 50, limit: "50"}
	if err := drain(m, &extraction{}); err == nil || !strings.Contains(err.Error(), "more than 50") {
		t.Fatalf("got %v", err)
	}
}

// makeZip makes a zip archive; names that end in a slash are directories.
func makeZip(t testing.TB, change func(*zip.FileHeader), names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o644)
		change(h)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "/") {
			f.Write([]byte("target"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Zip archives are trees like any other.
func TestZip(t *testing.T) {
	b := makeZip(t, func(h *zip.FileHeader) {
		switch h.Name {
		case "z/run":
			h.SetMode(0o755)
		case "z/link":
			h.SetMode(0o777 | 1<<27) // fs.ModeSymlink
		}
	}, "z/", "z/a", "z/run", "z/link", "z/d/")
	wantLines(t, "zip", `{"strip_components": 1}`, b,
		map[string]string{"a": "file target", "run": "exec target", "link": "link target", "d": "dir"})
	wantLines(t, "empty", `{}`, makeZip(t, nil), map[string]string{})
	for name, want := range map[string]string{
		`a\..\b`:  "backslash in the name",
		"../a":    `".." in the name`,
		"/a":      "absolute name",
		"a\x00b":  "NUL in the name",
		"z/../..": `".." in the name`,
	} {
		_, err := unpack(`{}`, makeZip(t, func(*zip.FileHeader) {}, name))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
	_, err := unpack(`{"strip_prefix": "y"}`, b)
	if err == nil || !strings.Contains(err.Error(), `the top level of the archive is "z/"`) {
		t.Errorf("got %v", err)
	}
	if _, err := unpack(`{}`, b[:len(b)-30]); err == nil || !strings.Contains(err.Error(), "zip: ") {
		t.Errorf("got %v", err)
	}
}

// A cancelled build does not go on unpacking.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := source(t)
	w, _ := treetest.New(`{}`).CreateTree("tree")
	if err := Unpack(ctx, bytes.NewReader(b), int64(len(b)), Options{}, w); err != context.Canceled && !strings.Contains(fmt.Sprint(err), "canceled") {
		t.Fatalf("got %v", err)
	}
}

// Whatever bytes come, they make a tree, with every link inside, or an error.
func FuzzUnpack(f *testing.F) {
	f.Add(source(f), 1)
	f.Add(gzipped(source(f)), 0)
	f.Add(zstandard(source(f)), 0)
	f.Add(makeZip(f, func(*zip.FileHeader) {}, "a/b", "c"), 1)
	f.Add(makeTar(f, link("a/up", ".."), link("b", "a/up/../c")), 0)
	f.Fuzz(func(t *testing.T, b []byte, strip int) {
		call := treetest.New(`{}`)
		w, _ := call.CreateTree("tree")
		o := Options{StripComponents: strip % 3, Limits: Limits{Bytes: 1 << 20, Entries: 1000}}
		if err := Unpack(context.Background(), bytes.NewReader(b), int64(len(b)), o, w); err != nil {
			return
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
