package archive

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// GNU tar is the judge: whatever format it writes, with long names, hard links
// and holes, the tree is the one on disk.
func TestAgainstTar(t *testing.T) {
	program := judge.Tool(t, "tar")
	long := "d/" + strings.Repeat("directory/", 8) + "file"
	longer := "d/" + strings.Repeat("n", 180)
	holes := strings.Repeat("\x00", 1<<17) + "data" + strings.Repeat("\x00", 1<<17) + "end"
	dir := t.TempDir()
	want := map[string]string{"a": "exec a", "b": "file b", "holes": "file " + holes, strings.TrimPrefix(long, "d/"): "file long", "link": "link a", "hard": "file b", "empty": "dir"}
	for p, content := range map[string]string{"d/a": "a", "d/b": "b", "d/holes": holes, long: "long"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "d/a"), 0o755),
		os.Symlink("a", filepath.Join(dir, "d/link")),
		os.Link(filepath.Join(dir, "d/b"), filepath.Join(dir, "d/hard")),
		os.Mkdir(filepath.Join(dir, "d/empty"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{"--format=v7", "--format=ustar", "--format=gnu", "--format=gnu -S", "--format=pax", "--format=pax -S", "--format=oldgnu", "--format=gnu -b 100", "--format=gnu -V label"} {
		if strings.Contains(args, "gnu") && want[strings.TrimPrefix(longer, "d/")] == "" { // the formats before cannot name it
			if err := os.WriteFile(filepath.Join(dir, longer), []byte("longer"), 0o644); err != nil {
				t.Fatal(err)
			}
			want[strings.TrimPrefix(longer, "d/")] = "file longer"
		}
		c := exec.Command(program, append(strings.Fields(args), "-cf", "-", "d")...)
		c.Dir = dir
		b, err := c.Output()
		if err != nil {
			t.Errorf("tar %s: %v", args, err)
			continue
		}
		wantLines(t, args, `{"strip_prefix": "d"}`, b, want)
	}
}
