package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
)

var hello = digest.Of([]byte("hello"))

// sample has every type and every hard text there is.
func sample() []Entry {
	return []Entry{
		{Path: "", Type: Directory, Mode: 0o755, Origin: "@rules//rootfs:skeleton"},
		{Path: "bin", Type: Directory, Mode: 0o755},
		{Path: "bin/su", Type: File, Mode: 0o4755, Digest: hello, Origin: "//a:b",
			Xattrs: []Xattr{{"security.capability", []byte("\x01\x00=,-\\")}, {"user.é", []byte{}}}},
		{Path: "bin/su2", Type: Link, Target: "bin/su"},
		{Path: "dev", Type: Directory, Mode: 0o1777, UID: 70000, GID: 4294967294},
		{Path: "dev/console", Type: Char, Mode: 0o600, Major: 5, Minor: 1},
		{Path: "dev/big", Type: Block, Mode: 0o660, Major: 4095, Minor: 1048575},
		{Path: "dev/initctl", Type: FIFO, Mode: 0o600},
		{Path: "dev/log", Type: Socket, Mode: 0o666},
		{Path: "empty", Type: File, Mode: 0, Digest: digest.Empty},
		{Path: "l", Type: Symlink, Mode: 0o777, Target: "-"},
		{Path: "m", Type: Symlink, Mode: 0o777, Target: "a\tb\nc\\d\xff\u202e"},
		{Path: "-", Type: Directory, Mode: 0o700, Origin: "-"},
		{Path: "tab\there\nnew\\x\u00a0é\xfe", Type: File, Mode: 0o644, Digest: hello},
	}
}

// A manifest that changes on its way through a file would be another image.
func TestParseReadsWhatStringPrints(t *testing.T) {
	m, err := New(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse([]byte(m.String()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got\n%s\nwant\n%s", got, m)
	}
}

// The order in which layers are read must not show in the image.
func TestOrderDoesNotMatter(t *testing.T) {
	forward, err := New(sample())
	if err != nil {
		t.Fatal(err)
	}
	entries := sample()
	slices.Reverse(entries)
	backward, err := New(entries)
	if err != nil {
		t.Fatal(err)
	}
	if forward.String() != backward.String() {
		t.Errorf("got\n%s\nwant\n%s", backward, forward)
	}
}

// The text form is stored and hashed; a change of it needs a new version in
// the header.
func TestGoldenText(t *testing.T) {
	m, err := New(sample()[:5])
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"appliance-manifest 1",
		"d\t0755\t0\t0\t-\t/\t-\t-\t-\t@rules//rootfs:skeleton",
		"d\t0755\t0\t0\t-\t/bin\t-\t-\t-\t-",
		"f\t4755\t0\t0\t-\t/bin/su\t-\t" + hello.String() + "\tsecurity.capability=\\x01\\x00\\x3d\\x2c-\\\\,user.é=\t//a:b",
		"h\t-\t-\t-\t-\t/bin/su2\t/bin/su\t-\t-\t-",
		"d\t1777\t70000\t4294967294\t-\t/dev\t-\t-\t-\t-",
		"",
	}, "\n")
	if got := m.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLookup(t *testing.T) {
	m, err := New(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries() {
		if got, ok := m.Lookup(e.Path); !ok || got.Path != e.Path {
			t.Errorf("Lookup(%q) = %q, %v", e.Path, got.Path, ok)
		}
	}
	if _, ok := m.Lookup("bin/nothing"); ok {
		t.Error("found a path that is not there")
	}
}

// Entries that no kernel could show must not reach an image writer.
func TestNewRefuses(t *testing.T) {
	root := Entry{Type: Directory, Mode: 0o755}
	file := func(path string) Entry { return Entry{Path: path, Type: File, Mode: 0o644, Digest: hello} }
	long := strings.Repeat("x", 256)
	for _, test := range []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"nothing", nil, "no root directory"},
		{"no root", []Entry{file("a")}, "no root directory"},
		{"root is a file", []Entry{file("")}, "the root is a file"},
		{"twice", []Entry{root, file("a"), file("a")}, "/a: listed twice"},
		{"two roots", []Entry{root, root}, "/: listed twice"},
		{"no parent", []Entry{root, file("a/b")}, "/a/b: its directory /a is not"},
		{"parent is a file", []Entry{root, file("a"), file("a/b")}, "/a is a file, want a directory"},
		{"leading slash", []Entry{root, file("/a")}, "path component"},
		{"dot dot", []Entry{root, file("../a")}, "path component"},
		{"dot", []Entry{root, file(".")}, "path component"},
		{"trailing slash", []Entry{root, file("a/")}, "path component"},
		{"NUL", []Entry{root, file("a\x00")}, "NUL"},
		{"long name", []Entry{root, file(long)}, "name of 256 bytes"},
		{"long path", []Entry{root, file(strings.Repeat("x/", 2048))}, "path of 4096 bytes"},
		{"link to nothing", []Entry{root, {Path: "a", Type: Link, Target: "b"}}, "which is not in the manifest"},
		{"link to a directory", []Entry{root, {Path: "a", Type: Link, Target: ""}}, "hard link to /, which is a directory"},
		{"link to itself", []Entry{root, {Path: "a", Type: Link, Target: "a"}}, "which is a hard link"},
		{"link with a mode", []Entry{root, file("b"), {Path: "a", Type: Link, Target: "b", Mode: 0o644}}, "of its own"},
		{"mode", []Entry{root, {Path: "a", Type: FIFO, Mode: 0o10000}}, "want at most 07777"},
		{"uid", []Entry{root, {Path: "a", Type: FIFO, UID: 1<<32 - 1}}, "is no user"},
		{"empty symlink", []Entry{root, {Path: "a", Type: Symlink, Mode: 0o777}}, "0 bytes, want 1 to 4095"},
		{"long symlink", []Entry{root, {Path: "a", Type: Symlink, Mode: 0o777, Target: strings.Repeat(long, 16)}}, "4096 bytes"},
		{"symlink mode", []Entry{root, {Path: "a", Type: Symlink, Mode: 0o755, Target: "b"}}, "want 0777"},
		{"no digest", []Entry{root, {Path: "a", Type: File}}, "without a digest"},
		{"digest", []Entry{root, {Path: "a", Type: FIFO, Digest: hello}}, "FIFO with a digest"},
		{"target", []Entry{root, {Path: "a", Type: FIFO, Target: "b"}}, "FIFO with a target"},
		{"device of a file", []Entry{root, {Path: "a", Type: FIFO, Major: 1}}, "FIFO with device numbers"},
		{"major", []Entry{root, {Path: "a", Type: Char, Major: 4096}}, "device 4096:0"},
		{"minor", []Entry{root, {Path: "a", Type: Char, Minor: 1 << 20}}, "device 0:1048576"},
		{"type", []Entry{root, {Path: "a", Type: 'x'}}, "unknown type"},
		{"attribute name", []Entry{{Type: Directory, Xattrs: []Xattr{{"", nil}}}}, "attribute name"},
		{"attribute twice", []Entry{{Type: Directory, Xattrs: []Xattr{{"user.a", nil}, {"user.a", nil}}}}, "set twice"},
		{"attribute size", []Entry{{Type: Directory, Xattrs: []Xattr{{"user.a", make([]byte, 65537)}}}}, "65537 bytes"},
	} {
		_, err := New(test.entries)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
	}
}

// A person who edits a manifest by hand is told the line.
func TestParseRefuses(t *testing.T) {
	const (
		head = "appliance-manifest 1\n"
		root = "d\t0755\t0\t0\t-\t/\t-\t-\t-\t-\n"
	)
	for _, test := range []struct{ text, want string }{
		{"", "line 1: "},
		{"appliance-manifest 2\n", "line 1: "},
		{head, "no root directory"},
		{head + root[:len(root)-1], "line 2: no newline"},
		{head + root + "x\n", "line 3: got 1 columns"},
		{head + "d\t0755\t0\t0\t-\t/b\t-\t-\t-\t-\n" + root, "line 3: /: want lines sorted"},
		{head + root + "d\t755\t0\t0\t-\t/b\t-\t-\t-\t-\n", "line 3: got "},
		{head + root + "d\t0799\t0\t0\t-\t/b\t-\t-\t-\t-\n", `line 3: mode "0799"`},
		{head + root + "d\t0755\t00\t0\t-\t/b\t-\t-\t-\t-\n", "line 3: got "},
		{head + root + "d\t0755\t0\t0\t-\tb\t-\t-\t-\t-\n", "want an absolute path"},
		{head + root + "d\t0755\t0\t0\t-\t/b\\q\t-\t-\t-\t-\n", "bad escape"},
		{head + root + "d\t0755\t0\t0\t-\t/\\x62\t-\t-\t-\t-\n", "want the one spelling"},
		{head + root + "p\t0755\t0\t0\t-\t/b\t-\t-\tuser.b=,user.a=\t-\n", "sorted by name"},
		{head + root + "p\t0755\t0\t0\t-\t/b\t-\t-\tuser.b\t-\n", "want NAME=VALUE"},
		{head + root + "c\t0755\t0\t0\t1\t/b\t-\t-\t-\t-\n", "device"},
		{head + root + "f\t0755\t0\t0\t-\t/b\t-\txyz\t-\t-\n", "digest"},
		{head + root + "f\t0755\t0\t0\t-\t/b\t-\t-\t-\t-\n", "line 3: /b: file without a digest"},
	} {
		_, err := Parse([]byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%q): got %v, want an error with %q", test.text, err, test.want)
		}
	}
}

// What New was given stays the caller's to change.
func TestNewCopies(t *testing.T) {
	entries := sample()
	m, err := New(entries)
	if err != nil {
		t.Fatal(err)
	}
	before := m.String()
	for i := range entries {
		entries[i].Path = "changed"
		for _, x := range entries[i].Xattrs {
			clear(x.Value)
		}
	}
	if got := m.String(); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}
}

// There is one text for a manifest, and no text makes the parser panic.
func FuzzParse(f *testing.F) {
	m, err := New(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(m.String()))
	f.Add([]byte("appliance-manifest 1\nh\t-\t-\t-\t-\t/\t/\t-\t-\t-\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		if m.String() != string(text) {
			t.Fatalf("Parse(%q) prints %q", text, m)
		}
		again, err := New(m.Entries())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("New(%q): %v", m, err)
		}
	})
}
