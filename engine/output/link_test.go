package output

import (
	"os"
	"path/filepath"
	"testing"
)

// A second build moves the link; it never follows or deletes what it pointed at.
func TestLinkReplaces(t *testing.T) {
	root, store := t.TempDir(), t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(store, name), []byte(name), 0o444); err != nil {
			t.Fatal(err)
		}
		link, err := At(root).Link("a/b.img", filepath.Join(store, name))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(link); err != nil || string(b) != name {
			t.Fatalf("got %q, %v, want %q", b, err, name)
		}
	}
	if b, err := os.ReadFile(filepath.Join(store, "one")); err != nil || string(b) != "one" {
		t.Fatal("the store was touched: ", err)
	}
}

// A file that a user left below out/ is never overwritten or cleaned away.
func TestForeignFilesStay(t *testing.T) {
	root := t.TempDir()
	mine := filepath.Join(root, "notes")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := At(root).Link("notes", "/nowhere"); err == nil {
		t.Fatal("want an error")
	}
	if left, err := At(root).Clean(); left != 1 || err != nil {
		t.Fatalf("got %d files left, %v, want 1", left, err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Fatal(err)
	}
}

// A target that was a directory of outputs may become one output, and back.
func TestLayoutMayChange(t *testing.T) {
	out := At(filepath.Join(t.TempDir(), "out"))
	for _, p := range []string{"a", "a/b/c", "a/b"} {
		if p == "a/b" {
			if _, err := out.Clean(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := out.Link(p, "/target"); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
	}
	for range 2 { // the second time there is nothing
		if left, err := out.Clean(); left != 0 || err != nil {
			t.Fatal(left, err)
		}
	}
}
