package examples_test

import (
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
	const all = "//examples/..."
	w.boot(all)
	for _, step := range []struct {
		change string // of the lab's configuration
		want   string
	}{
		{"MEGABYTES=8\n", "Executed 0 out of 7 tests: 7 tests pass."},
		{"# Less than elsewhere.\nMEGABYTES=8\n", "Executed 1 out of 7 tests: 7 tests pass."},
	} {
		w.write("examples/monorepo/memcached/lab_overlay/etc/memcached.conf", step.change)
		if got := w.boot(all); !strings.Contains(got, step.want) {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
}

// A kernel that cannot start the machine ends the test with the reason, and does not
// leave it waiting for a login.
func TestBootPanics(t *testing.T) {
	w := bootWorkspace(t)
	w.edit("APPLIANCE.star", `    disk_mib = 16,`, `    append = ["init=/none"],`)
	out, err := w.run("//examples/khvmm:disk_test")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(out, "failed after ") || !strings.Contains(out, "the kernel panicked: not syncing: Requested init /none failed") {
		t.Errorf("got %v and %q, want exit code 3 and the panic", err, out)
	}
}

// bootWorkspace is a copy of the examples.
func bootWorkspace(t *testing.T) *workspace {
	w := newWorkspace(t)
	for _, name := range []string{"monorepo", "uboot"} {
		w.check(os.CopyFS(filepath.Join(w.dir, "examples", name), os.DirFS(name)))
	}
	return w
}

// boot runs tests that have to pass and returns what is said about them.
func (w *workspace) boot(pattern string) string {
	w.t.Helper()
	out, err := w.run(pattern)
	if err != nil {
		w.t.Fatalf("test %s: %v\n%s", pattern, err, out)
	}
	return out
}

// run runs tests. Kernels take minutes to compile: where the time that go test allows
// is too short for that, the test is skipped.
func (w *workspace) run(pattern string) (out string, err error) {
	w.t.Helper()
	ctx := w.t.Context()
	if end, ok := w.t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-time.Minute))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, program, "-C", w.dir, "test", "--ui=plain", pattern)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	text, err := cmd.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.t.Skip("kernels take longer to compile than go test allows: run `appliance test //...` first, or go test with -timeout=1h")
	}
	return string(text), err
}
