package wire

import (
	"bytes"
	"testing"
	"time"

	reapi "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kittyhawk/appliance/engine/digest"
)

var sum = digest.Of([]byte("content"))

func message2(d digest.Digest) *reapi.Digest {
	return &reapi.Digest{Hash: d.Hex(), SizeBytes: d.Size()}
}

// same fails when our bytes are not what the API's generated code writes: a
// remote cache would then miss everything.
func same(t *testing.T, got []byte, want proto.Message) {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("got\n%x\nwant\n%x", got, b)
	}
}

func TestDirectoryIsREAPIs(t *testing.T) {
	d := Directory{
		Files:       []File{{"a", sum, true}, {"b", digest.Empty, false}},
		Directories: []Subdirectory{{"d", sum}},
		Symlinks:    []Symlink{{"l", "../a"}},
	}
	same(t, d.Encode(), &reapi.Directory{
		Files: []*reapi.FileNode{
			{Name: "a", Digest: message2(sum), IsExecutable: true},
			{Name: "b", Digest: message2(digest.Empty)},
		},
		Directories: []*reapi.DirectoryNode{{Name: "d", Digest: message2(sum)}},
		Symlinks:    []*reapi.SymlinkNode{{Name: "l", Target: "../a"}},
	})
	back, err := DecodeDirectory(d.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back, cmp.Comparer(func(a, b digest.Digest) bool { return a == b })); diff != "" {
		t.Fatal(diff)
	}
}

func TestCommandAndActionAreREAPIs(t *testing.T) {
	c := Command{
		Arguments:   []string{"/bin/sh", "", "-c"},
		Environment: []Variable{{"LC_ALL", "C"}, {"X", ""}},
		OutputPaths: []string{"out"},
		Dir:         "src",
		Platform:    []Property{{"writable", "build"}},
	}
	same(t, c.Encode(), &reapi.Command{
		Arguments:            []string{"/bin/sh", "", "-c"},
		EnvironmentVariables: []*reapi.Command_EnvironmentVariable{{Name: "LC_ALL", Value: "C"}, {Name: "X"}},
		OutputPaths:          []string{"out"},
		WorkingDirectory:     "src",
		Platform:             &reapi.Platform{Properties: []*reapi.Platform_Property{{Name: "writable", Value: "build"}}},
	})
	a := Action{Command: sum, InputRoot: digest.Empty, Timeout: 90*time.Second + 5, Platform: c.Platform}
	same(t, a.Encode(), &reapi.Action{
		CommandDigest:   message2(sum),
		InputRootDigest: message2(digest.Empty),
		Timeout:         durationpb.New(90*time.Second + 5),
		Platform:        &reapi.Platform{Properties: []*reapi.Platform_Property{{Name: "writable", Value: "build"}}},
	})
}

func TestActionResultIsREAPIs(t *testing.T) {
	r := ActionResult{
		Files:       []OutputFile{{"out/a", sum, true}},
		Directories: []OutputDirectory{{"out/tree", sum}},
		Symlinks:    []OutputSymlink{{"out/link", "a"}},
		ExitCode:    7,
		Stdout:      sum,
	}
	same(t, r.Encode(), &reapi.ActionResult{
		OutputFiles:       []*reapi.OutputFile{{Path: "out/a", Digest: message2(sum), IsExecutable: true}},
		OutputDirectories: []*reapi.OutputDirectory{{Path: "out/tree", RootDirectoryDigest: message2(sum)}},
		OutputSymlinks:    []*reapi.OutputSymlink{{Path: "out/link", Target: "a"}},
		ExitCode:          7,
		StdoutDigest:      message2(sum),
	})
	back, err := DecodeActionResult(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back, cmp.Comparer(func(a, b digest.Digest) bool { return a == b })); diff != "" {
		t.Fatal(diff)
	}
}

// A cache may hold anything: no bytes may bring the decoder down.
func FuzzDecode(f *testing.F) {
	f.Add(ActionResult{Files: []OutputFile{{"a", sum, true}}}.Encode())
	f.Add(Directory{Files: []File{{"a", sum, true}}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := DecodeDirectory(b); err == nil {
			d.Encode()
		}
		if r, err := DecodeActionResult(b); err == nil {
			r.Encode()
		}
	})
}
