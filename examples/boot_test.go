package examples_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the README promises of appliance test: every example boots and does what it is
// for; when nothing has changed, nothing boots; a changed overlay file boots one
// appliance.
func TestBoot(t *testing.T) {
	w := bootWorkspace(t)
	all := []string{"//examples/khvmm/...", "//examples/monorepo/..."}
	w.boot(all...)
	for _, step := range []struct {
		change string // of the lab's configuration
		want   string
	}{
		{"MEGABYTES=8\n", "Executed 0 out of 5 tests: 5 tests pass."},
		{"# Less than elsewhere.\nMEGABYTES=8\n", "Executed 1 out of 5 tests: 5 tests pass."},
	} {
		w.write("examples/monorepo/memcached/lab_overlay/etc/memcached.conf", step.change)
		if got := w.boot(all...); !strings.Contains(got, step.want) {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
}

// bootWorkspace is a copy of the examples.
func bootWorkspace(t *testing.T) *workspace {
	w := newWorkspace(t)
	w.check(os.CopyFS(filepath.Join(w.dir, "examples", "monorepo"), os.DirFS("monorepo")))
	return w
}

// boot runs tests that have to pass and returns what is said about them. Kernels take
// minutes to compile: where the time that go test allows is too short for
// that, the test is skipped.
func (w *workspace) boot(patterns ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	if end, ok := w.t.Deadline(); ok {
		ctx, cancel = context.WithDeadline(ctx, end.Add(-time.Minute))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-C", w.dir, "test", "--ui=plain"}, patterns...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.t.Skip("kernels take longer to compile than go test allows: run `appliance test //...` first, or go test with -timeout=1h")
	}
	if err != nil {
		w.t.Fatalf("test %q: %v\n%s", patterns, err, out.Bytes())
	}
	return out.String()
}
