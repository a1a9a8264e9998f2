package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// programs are built at most once, when the first test wants them.
type programs struct {
	dir  string
	make func() error
}

// built holds the real program, and the probe that is all that its sandboxes hold.
var builtPrograms programs

// withPrograms runs tests and removes what they have built.
type withPrograms struct{ tests interface{ Run() int } }

func (w withPrograms) Run() int {
	dir, err := os.MkdirTemp("", "appliance-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	builtPrograms = programs{dir, sync.OnceValue(func() error { return buildPrograms(dir) })}
	return w.tests.Run()
}

func buildPrograms(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // for other users
		return err
	}
	for name, from := range map[string]string{"appliance": ".", "probe": "./testdata/probe"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), from)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// program is the path of the program of that name.
func programPath(t testing.TB, name string) string {
	t.Helper()
	if err := builtPrograms.make(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(builtPrograms.dir, name)
}

// A source is a file of a workspace; one with a target is a symbolic link.
type source struct {
	Text       string
	Executable bool
	Target     string
}

func (s source) mode() fs.FileMode {
	if s.Executable {
		return 0o755
	}
	return 0o644
}

// A site is a workspace on disk with a cache, and how the program is started there.
type site struct {
	t       testing.TB
	dir     string
	cache   string
	program string
	as      func(*exec.Cmd) // user, environment and the like
	files   map[string]source
}

// newSite skips the test where sandboxes are forbidden.
func newSite(t testing.TB) *site {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { sandbox.RemoveScratch(dir) })
	for _, problem := range sandbox.Check(context.Background(), dir) {
		t.Skip(problem)
	}
	return newSiteIn(t, dir)
}

func newSiteIn(t testing.TB, dir string) *site {
	t.Helper()
	s := &site{
		t: t, dir: filepath.Join(dir, "workspace"), cache: filepath.Join(dir, "cache"),
		program: programPath(t, "appliance"), as: func(*exec.Cmd) {},
	}
	probe, err := os.ReadFile(programPath(t, "probe"))
	s.check(err)
	rules, err := os.ReadFile(filepath.Join("testdata", "fixture", "defs.star"))
	s.check(err)
	s.put("root/bin/probe", source{Text: string(probe), Executable: true})
	s.put("defs.star", source{Text: string(rules)})
	return s
}

func (s *site) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// path is where a file of the workspace lies.
func (s *site) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// put makes one file.
func (s *site) put(name string, f source) {
	s.t.Helper()
	s.check(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	if f.Target != "" {
		s.check(os.Symlink(f.Target, s.path(name)))
		return
	}
	s.check(os.WriteFile(s.path(name), []byte(f.Text), f.mode()))
	s.check(os.Chmod(s.path(name), f.mode()))
}

// sync makes the sources of the workspace these, and leaves alone those that
// are already.
func (s *site) sync(files map[string]source) {
	s.t.Helper()
	same := func(name string) bool {
		old, was := s.files[name]
		f, is := files[name]
		return was && is && f == old
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if !same(name) {
			s.check(os.Remove(s.path(name)))
			s.prune(filepath.Dir(s.path(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !same(name) {
			s.put(name, files[name])
		}
	}
	s.files = maps.Clone(files)
}

// prune removes directories that have become empty.
func (s *site) prune(dir string) {
	for ; dir != s.dir && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
	}
}

// facts are what a build told of itself.
type facts struct {
	ran    []string // "OWNER MNEMONIC", sorted
	cached int
	output string // what a person saw
}

// start starts a build whose events go to the returned pipe.
func (s *site) start(args ...string) (cmd *exec.Cmd, events *os.File, output *bytes.Buffer) {
	s.t.Helper()
	events, writer, err := os.Pipe()
	s.check(err)
	defer writer.Close()
	flags := []string{"-C", s.dir, "--cache", s.cache, "--norc", "build", "--build_event_json_file=/proc/self/fd/3"}
	cmd = exec.Command(s.program, append(flags, args...)...)
	cmd.ExtraFiles = []*os.File{writer}
	cmd.Env = []string{"HOME=" + s.dir, "PATH=/nowhere"}
	output = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	s.as(cmd)
	s.check(cmd.Start())
	return cmd, events, output
}

// try builds targets.
func (s *site) try(args ...string) (facts, error) {
	s.t.Helper()
	cmd, events, output := s.start(args...)
	f, readErr := readFacts(events)
	err := cmd.Wait()
	s.check(readErr)
	f.output = output.String()
	return f, err
}

// build is try that must succeed.
func (s *site) build(args ...string) facts {
	s.t.Helper()
	f, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, f.output)
	}
	return f
}

// eventFields are those fields of all events that tests look at.
type eventFields struct {
	Event    string
	Owner    string
	Mnemonic string
	Outcome  string
}

func readFacts(events *os.File) (facts, error) {
	defer events.Close()
	var f facts
	decoder := json.NewDecoder(bufio.NewReader(events))
	for {
		var e eventFields
		err := decoder.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			slices.Sort(f.ran)
			return f, nil
		case err != nil:
			return f, err
		case e.Outcome == "ran":
			f.ran = append(f.ran, e.Owner+" "+e.Mnemonic)
		case e.Outcome == "cached":
			f.cached++
		}
	}
}

// wantRan compares what ran.
func wantRan(t testing.TB, f facts, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(f.ran, want) {
		t.Fatalf("ran %q\nwant %q\n%s", f.ran, want, f.output)
	}
}

// digests are the SHA-256 of files below out.
func (s *site) digests(names ...string) string {
	s.t.Helper()
	h := sha256.New()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(s.dir, "out", name))
		s.check(err)
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(content))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
