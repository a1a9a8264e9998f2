package patch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

// edit changes some lines of a text that has many equal lines, so that hunks
// have several places to go.
func edit(r *rand.Rand, text []string, edits int) []string {
	out := append([]string(nil), text...)
	for range edits {
		at := r.IntN(len(out) + 1)
		switch r.IntN(3) {
		case 0:
			out = append(out[:at:at], append([]string{fmt.Sprint("new ", r.IntN(3))}, out[at:]...)...)
		case 1:
			if at < len(out) {
				out = append(out[:at:at], out[at+1:]...)
			}
		case 2:
			if at < len(out) {
				out[at] = fmt.Sprint("changed ", r.IntN(3))
			}
		}
	}
	return out
}

func text(r *rand.Rand, lines []string) string {
	s := strings.Join(lines, "\n")
	if s != "" && r.IntN(4) > 0 {
		s += "\n"
	}
	return s
}

// patch(1) is the judge: for random edits, applied to files that have been edited
// elsewhere in between, it and we agree whether a patch applies, and on every byte.
func TestAgainstPatch(t *testing.T) {
	patch, diff := judge.Tool(t, "patch"), judge.Tool(t, "diff")
	dir := t.TempDir()
	applied, refused := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		original := make([]string, r.IntN(40))
		for i := range original {
			original[i] = fmt.Sprint("line ", r.IntN(12))
		}
		before, after := text(r, original), text(r, edit(r, original, 1+r.IntN(4)))
		target := text(r, edit(r, original, r.IntN(4)))
		change := unifiedDiff(t, diff, dir, before, after, r.IntN(4))
		fuzz := r.IntN(3)
		want, ok := theirs(t, patch, dir, target, change, fuzz)
		got, err := ours(target, change, fuzz)
		if err != nil && strings.Contains(err.Error(), "adds lines without context") {
			continue // patch(1) puts them at the end, wherever they belong
		}
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("seed %d, fuzz %d: patch(1) says %v %q, we %v %q\ntarget %q\ndiff\n%s", seed, fuzz, ok, want, err, got, target, change)
		}
		if ok {
			applied++
		} else {
			refused++
		}
	}
	if applied < 30 || refused < 10 {
		t.Errorf("%d applied and %d refused: the test has lost its point", applied, refused)
	}
}

func unifiedDiff(t *testing.T, program, dir, before, after string, context int) string {
	t.Helper()
	writeFile(t, filepath.Join(dir, "before"), before)
	writeFile(t, filepath.Join(dir, "after"), after)
	out, err := exec.Command(program, fmt.Sprint("-U", context), "--label", "a/f", "--label", "b/f", filepath.Join(dir, "before"), filepath.Join(dir, "after")).Output()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() > 1) {
		t.Fatal(err)
	}
	return string(out)
}

func theirs(t *testing.T, program, dir, target, diff string, fuzz int) (string, bool) {
	t.Helper()
	f := filepath.Join(dir, "f")
	writeFile(t, f, target)
	c := exec.Command(program, "-p1", "-f", "-N", "-s", fmt.Sprint("-F", fuzz), "--no-backup-if-mismatch", "-r", "-")
	c.Dir, c.Stdin = dir, strings.NewReader(diff)
	err := c.Run()
	b, readErr := os.ReadFile(f)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(b), err == nil
}

func ours(target, diff string, fuzz int) (string, error) {
	call := treetest.New(fmt.Sprintf(`{"fuzz": %d}`, fuzz))
	call.AddTree("tree", "//:src", lines{"f": "file " + target})
	call.AddFile("patches", "p", []byte(diff))
	if err := Tool().Run(context.Background(), call); err != nil {
		return "", err
	}
	return strings.TrimPrefix(call.Lines("tree")["f"], "file "), nil
}

func writeFile(t *testing.T, p, content string) {
	t.Helper()
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
