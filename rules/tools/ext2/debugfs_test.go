package ext2

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// debugfs runs commands on an image and returns what each of them printed.
func debugfs(t testing.TB, image string, commands []string) []string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(judge.Tool(t, "debugfs"), "-f", script, image)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("debugfs: %v\n%s", err, out)
	}
	text := string(out)
	answers := make([]string, len(commands))
	for i, command := range commands {
		_, after, ok := strings.Cut(text, "debugfs: "+command+"\n")
		if !ok {
			t.Fatalf("debugfs did not run %q:\n%s", command, text)
		}
		text = after
		answers[i], _, _ = strings.Cut(text, "debugfs: ")
	}
	return answers
}

var statLine = regexp.MustCompile(`(?s)Type: (.*?) +Mode: +(\d+) .*User: +(-?\d+) +Group: +(-?\d+) .*?Size: (\d+)\n.*?Links: (\d+) `)

// The e2fsprogs' own view of each inode: kind, mode, owner, size, links,
// device, short link, attributes.
func TestDebugfsSeesTheManifest(t *testing.T) {
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := manifesttest.Contents{}
			m := manifesttest.New(t, sample(o, c))
			l := mustPlan(t, m, o)
			image := writeImage(t, l, c.Open)
			var commands []string
			for i := range l.nodes {
				commands = append(commands, `stat "`+strings.ReplaceAll(l.nodes[i].path(), `"`, `""`)+`"`)
			}
			for i, answer := range debugfs(t, image, commands) {
				checkStat(t, &l.nodes[i], answer)
			}
		})
	}
}

func checkStat(t *testing.T, n *node, answer string) {
	t.Helper()
	e := n.entry
	match := statLine.FindStringSubmatch(answer)
	if match == nil {
		t.Fatalf("%s: debugfs says\n%s", n.path(), answer)
	}
	size := e.Size() + int64(len(e.Target))
	if e.Type == manifest.Directory {
		size = n.size
	}
	kind := map[manifest.Type]string{'f': "regular", 'd': "directory", 'l': "symlink", 'c': "character special", 'b': "block special", 'p': "FIFO", 's': "socket"}[e.Type]
	want := fmt.Sprintf("%s 0%03o %d %d %d %d", kind, e.Mode, int32(e.UID), int32(e.GID), size, n.links)
	if got := strings.Join(match[1:], " "); got != want {
		t.Errorf("%s: got %s, want %s", n.path(), got, want)
	}
	var lines []string
	switch {
	case e.Type.IsDevice() && e.Major < 256 && e.Minor < 256:
		lines = append(lines, fmt.Sprintf("\nDevice major/minor number: %02d:%02d (", e.Major, e.Minor))
	case e.Type.IsDevice():
		lines = append(lines, fmt.Sprintf("(New-style) Device major/minor number: %02d:%02d (", e.Major, e.Minor))
	case e.Type == manifest.Symlink && len(e.Target) < 60:
		lines = append(lines, fmt.Sprintf("Fast link dest: %q", e.Target))
	}
	for _, x := range e.Xattrs {
		if !strings.HasPrefix(x.Name, "system.") { // stored in another form, of another length
			lines = append(lines, fmt.Sprintf("  %s (%d)", x.Name, len(x.Value)))
		}
	}
	for _, line := range lines {
		if !strings.Contains(answer, line) {
			t.Errorf("%s: no %q in\n%s", n.path(), line, answer)
		}
	}
}

// The e2fsprogs get the same bytes out that went in.
func TestDebugfsDumpsTheContent(t *testing.T) {
	for _, o := range forms() {
		t.Run(formName(o), func(t *testing.T) {
			c := manifesttest.Contents{}
			m := manifesttest.New(t, sample(o, c))
			image := writeImage(t, mustPlan(t, m, o), c.Open)
			out := t.TempDir()
			debugfs(t, image, []string{"rdump / " + out})
			for _, e := range m.Entries() {
				checkDumped(t, filepath.Join(out, e.Path), e)
			}
		})
	}
}

func checkDumped(t *testing.T, path string, e manifest.Entry) {
	t.Helper()
	switch e.Type {
	case manifest.File:
		b, err := os.ReadFile(path)
		if err != nil || digest.Of(b) != e.Digest {
			t.Errorf("/%s: got %s, %v, want %s", e.Path, digest.Of(b), err, e.Digest)
		}
	case manifest.Symlink:
		if target, err := os.Readlink(path); target != e.Target {
			t.Errorf("/%s: got %q, %v, want %q", e.Path, target, err, e.Target)
		}
	case manifest.Directory:
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			t.Errorf("/%s: %v, want a directory", e.Path, err)
		}
	}
}

// A superblock's copy is what saves the file system when the first is lost.
func TestBackupSuperblockWorks(t *testing.T) {
	c := manifesttest.Contents{}
	m := manifesttest.New(t, []manifest.Entry{manifesttest.Dir(""), manifesttest.File("f", c.Add(pattern(9<<20)))})
	image := imageOf(t, mustPlan(t, m, Options{}), c.Open)
	clear(image[1024:4096])
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(judge.Tool(t, "e2fsck"), "-fy", "-b", "8193", path).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) { // 1: repaired
		t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	repaired, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, bytes.NewReader(repaired), m)
}
