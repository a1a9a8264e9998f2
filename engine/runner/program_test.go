package runner_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/jobserver"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// request is that of a probe without outputs.
func (c *commands) request(purpose action.Purpose, argv ...string) *action.Request {
	c.t.Helper()
	owner, err := label.Parse("//:probe", label.Label{})
	if err != nil {
		c.t.Fatal(err)
	}
	root := action.NewDerived(owner, "root", true)
	a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Probe", Purpose: purpose, Timeout: time.Minute, Work: &action.Command{
		Argv:     argv,
		Mounts:   []action.Mount{{Path: "/", Artifacts: []*action.Artifact{root}}},
		Writable: []string{"/build"},
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := action.NewRequest(c.t.Context(), a, map[*action.Artifact]tree.Node{root: c.root}, c.store.Trees())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// A test that fails leaves its log in the store, and whoever listens has heard all
// of it.
func TestFailedTest(t *testing.T) {
	c := newCommands(t)
	var mu sync.Mutex
	var heard strings.Builder
	r := runner.NewCommand(&c.box, files{c.store}, c.store, jobserver.New(2), c.store.LogPath, 0)
	_, err := r.Run(t.Context(), runner.Job{
		Request: c.request(action.Test, "/probe", "print hello", "exit 3"),
		Started: func() {},
		Output: func(p []byte) {
			mu.Lock()
			defer mu.Unlock()
			heard.Write(p)
		},
	})
	var failed *runner.TestFailure
	if !errors.As(err, &failed) || failed.Reason != "failed with exit code 3" || failed.TimedOut {
		t.Fatalf("got %v (%+v)", err, failed)
	}
	log, err := store.Bytes(t.Context(), c.store, failed.Log)
	if err != nil || !strings.HasSuffix(string(log), "hello 99\n") {
		t.Errorf("the log is %q, %v", log, err)
	}
	if heard.String() != string(log) {
		t.Errorf("heard %q, the log is %q", heard.String(), log)
	}
}

// launch runs the probe as a program, and returns what it printed.
func (c *commands) launch(input string, args []string, mounts ...sandbox.Mount) (string, *action.Result, error) {
	c.t.Helper()
	stdin, err := os.CreateTemp(c.t.TempDir(), "in")
	if err != nil {
		c.t.Fatal(err)
	}
	defer stdin.Close()
	if _, err := stdin.WriteString(input); err != nil {
		c.t.Fatal(err)
	}
	if _, err := stdin.Seek(0, io.SeekStart); err != nil {
		c.t.Fatal(err)
	}
	stdout, err := os.Create(filepath.Join(c.t.TempDir(), "out"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer stdout.Close()
	p := runner.NewProgram(&c.box, files{c.store}, runner.Launch{Args: args[1:], Mounts: mounts, Stdin: stdin, Stdout: stdout, Stderr: stdout})
	result, err := p.Run(c.t.Context(), runner.Job{Request: c.request(action.Launch, args[0]), Started: func() {}})
	printed, readErr := os.ReadFile(stdout.Name())
	if readErr != nil {
		c.t.Fatal(readErr)
	}
	return string(printed), result, err
}

// A program reads what a person types, writes what he sees, gets the arguments
// that he gave and the files that he lent, and its exit code is no failure of ours.
func TestProgram(t *testing.T) {
	c := newCommands(t)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	printed, result, err := c.launch("typed", []string{"/probe", "cat", "write /disk new", "write /build/x x", "exit 5"},
		sandbox.Mount{Path: "/disk", Layers: []string{disk}, Mode: sandbox.Writable})
	if err != nil || result.ExitCode != 5 || printed != "typed" {
		t.Fatalf("got %q, %+v, %v", printed, result, err)
	}
	if b, err := os.ReadFile(disk); err != nil || string(b) != "new" {
		t.Errorf("the disk holds %q, %v", b, err)
	}
	if _, result, err = c.launch("", []string{"/probe", "kill"}); err != nil || result.ExitCode != 128+9 {
		t.Errorf("killed: got %+v, %v, want what a shell says", result, err)
	}
	_, _, err = c.launch("", []string{"/prob"})
	if diag.KindOf(err, diag.Bug) != diag.Action || !strings.Contains(err.Error(), "Probe failed: start /prob: no such file in the sandbox") {
		t.Errorf("got %v", err)
	}
}
