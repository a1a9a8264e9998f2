package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// The test program plays three roles: itself, process 1 of a sandbox, and the command
// in it, which is a copy of it called /bin/probe.
func TestMain(m *testing.M) {
	sandbox.Main()
	switch os.Args[0] {
	case probePath:
		os.Exit(runProbe(os.Args[1:]))
	case parentName:
		if err := runForever(os.Args[1], os.Args[2]); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

const probePath = "/bin/probe"

// A fixture is a sandbox whose root holds the probe and nothing else.
type fixture struct {
	t    testing.TB
	dir  string // a new host directory
	spec sandbox.Spec
}

// newFixture skips the test where the host forbids sandboxes, and says why.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { sandbox.RemoveScratch(dir) })
	f := &fixture{t: t, dir: dir}
	root := f.makeDir("root")
	f.makeDir("root/bin")
	link(t, program(t), filepath.Join(root, probePath))
	f.spec = sandbox.Spec{
		Env:    []string{"PATH=/bin", "HOME=/tmp"},
		Mounts: []sandbox.Mount{{Path: "/", Layers: []string{root}}},
	}
	skipIfForbidden(t, dir)
	return f
}

func skipIfForbidden(t testing.TB, dir string) {
	t.Helper()
	for _, problem := range sandbox.Check(context.Background(), dir) {
		t.Skip(problem)
	}
}

// program returns the path of the test program.
func program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// link makes a hard link, or a copy across file systems.
func link(t testing.TB, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) makeDir(name string) string {
	f.t.Helper()
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

// layer makes a host directory with one file in it.
func (f *fixture) layer(name, file, content string) string {
	f.t.Helper()
	dir := f.makeDir(name)
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

func (f *fixture) mount(at string, mode sandbox.Mode, layers ...string) {
	f.spec.Mounts = append(f.spec.Mounts, sandbox.Mount{Path: at, Layers: layers, Mode: mode})
}

// scratch gives the next run a new scratch directory.
func (f *fixture) scratch() {
	f.t.Helper()
	dir, err := os.MkdirTemp(f.dir, "scratch-")
	if err != nil {
		f.t.Fatal(err)
	}
	f.spec.Scratch = dir
}

// run runs the probe and returns what it printed.
func (f *fixture) run(args ...string) (string, sandbox.Result, error) {
	f.t.Helper()
	f.scratch()
	out, err := os.CreateTemp(f.dir, "out-")
	if err != nil {
		f.t.Fatal(err)
	}
	defer out.Close()
	f.spec.Stdout, f.spec.Stderr = out, out
	f.spec.Argv = append([]string{probePath}, args...)
	res, err := sandbox.Run(context.Background(), f.spec)
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		f.t.Fatal(readErr)
	}
	return string(text), res, err
}

// want runs the probe, which must succeed and print this.
func (f *fixture) want(output string, args ...string) {
	f.t.Helper()
	got, res, err := f.run(args...)
	if err != nil {
		f.t.Fatalf("probe %q: %v", args, err)
	}
	if got != output || res.ExitCode != 0 || res.Signal != 0 {
		f.t.Errorf("probe %q:\ngot  %q, exit %d, signal %d\nwant %q", args, got, res.ExitCode, res.Signal, output)
	}
}
