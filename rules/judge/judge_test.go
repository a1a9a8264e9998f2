package judge

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// All that tests ask for starts, with the arguments that it was given, from a
// directory and an environment of the test's choice.
func TestToolsStart(t *testing.T) {
	for _, test := range []struct{ name, argument, want string }{
		{"e2fsck", "-V", "e2fsck 1."},
		{"debugfs", "-V", "debugfs 1."},
		{"mke2fs", "-V", "mke2fs 1."},
		{"mkimage", "-V", "mkimage version "},
		{"pigz", "--version", "pigz 2."},
		{"gzip", "--version", "gzip 1."},
		{"cpio", "--version", "cpio (GNU cpio)"},
		{"xz", "--version", "xz (XZ Utils)"},
		{"tar", "--version", "tar (GNU tar)"},
		{"patch", "--version", "GNU patch"},
		{"diff", "--version", "diff (GNU diffutils)"},
		{"perl", `-eprint "it's $0\n"`, "it's -e"},
	} {
		cmd := exec.Command(Tool(t, test.name), test.argument)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"LC_ALL=C"}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.name, out, err, test.want)
		}
	}
}

// The tool is the tool root's own, whatever the host has of that name.
func TestToolIsPinned(t *testing.T) {
	script, err := os.ReadFile(Tool(t, "gzip"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := judges()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{root + "/bin/gzip", root + "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"} {
		if !strings.Contains(string(script), part) {
			t.Errorf("no %s in\n%s", part, script)
		}
	}
}

func TestNoSuchTool(t *testing.T) {
	_, err := lookup(t.TempDir(), "frobnicate")
	if err == nil || !strings.Contains(err.Error(), `@rules//toolroot:judges has no program "frobnicate"`) {
		t.Errorf("got %v", err)
	}
}

// Names with spaces and quotes are one word to the shell.
func TestQuote(t *testing.T) {
	const name = `it's "a" $(name)`
	out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(name)).Output()
	if err != nil || string(out) != name {
		t.Errorf("got %q, %v, want %q", out, err, name)
	}
}

// Without a network tests are skipped, not red: the program's words for that
// are the ones that we look for.
func TestUnreachableMirror(t *testing.T) {
	if _, err := judges(); err != nil {
		t.Skip(err)
	}
	dir, err := workDir()
	if err != nil {
		t.Fatal(err)
	}
	program, scratch := filepath.Join(dir, "appliance"), t.TempDir()
	_, err = buildWith(program, filepath.Join(scratch, "out"), "--cache="+filepath.Join(scratch, "cache"), "--norc", "--mirror=debian=http://127.0.0.1:1")
	var reason *missing
	if !errors.As(err, &reason) {
		t.Errorf("got %v, want a reason to skip", err)
	}
}

// A tool root that does not build is not a reason to skip.
func TestBrokenToolRoot(t *testing.T) {
	err := failure(errors.New("exit status 1"), "compose: it is broken")
	var reason *missing
	if errors.As(err, &reason) || !strings.Contains(err.Error(), "it is broken") {
		t.Errorf("got %v", err)
	}
}
