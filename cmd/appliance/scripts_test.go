package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

func TestMain(m *testing.M) {
	// The sandbox executes the test binary, too.
	sandbox.Main()
	testscript.Main(withPrograms{m}, map[string]func(){"appliance": main})
}

// TestScripts runs testdata/script/*.txtar: the real program in a fresh directory,
// with a home directory, a cache and temporary files of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: false,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                scriptCommands,
		Condition:           scriptConditions,
	})
}

// setup hides the directories from the workspace that most scripts make of $WORK:
// names with a dot are not searched.
func setup(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, ".home")
	e.Setenv("HOME", home)
	e.Setenv("APPLIANCE_CACHE", filepath.Join(e.WorkDir, ".cache"))
	fixtures, err := filepath.Abs(filepath.Join("testdata", "fixture"))
	if err != nil {
		return err
	}
	e.Setenv("FIXTURES", fixtures)
	return os.Mkdir(home, 0o755)
}

// exits is "exits CODE COMMAND ARG...": the command ends with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, err := 0, ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d\n%s", args[1:], got, want, ts.ReadFile("stderr"))
	}
}
