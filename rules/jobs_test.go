package rules_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/kittyhawk/appliance/engine/jobserver"
)

// Were this to fail, ninja and go would start jobs beside those of all others, or
// keep cores from them for good: what they are told is what jobs.sh holds.
func TestJobsAreTokens(t *testing.T) {
	const size = 2
	for _, test := range []struct {
		name string
		held int // by actions, this one included
		want string
	}{
		{"one is free", 1, "2\n"},
		{"none is free", 2, "1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := jobserver.New(size)
			for range test.held {
				if err := pool.Acquire(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			lease, err := pool.Serve(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer lease.Close()
			out, err := jobs(lease, "echo $JOBS").Output()
			if err != nil || string(out) != test.want {
				t.Errorf("got %q (%v), want %q", out, err, test.want)
			}
			for range size - test.held {
				if err := pool.Acquire(t.Context()); err != nil { // waits for what was taken
					t.Error(err)
				}
			}
		})
	}
}

// Were this to fail, a package whose build failed would be one that was built.
func TestJobsTellFailure(t *testing.T) {
	pool := jobserver.New(2)
	lease, err := pool.Serve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	var exit *exec.ExitError
	if err := jobs(lease, "exit 7").Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v, want exit code 7", err)
	}
}

// Without a jobserver, as by hand in a shell, there is one job.
func TestJobsWithoutJobserver(t *testing.T) {
	cmd := exec.Command("sh", "package/private/jobs.sh", "echo $JOBS")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := cmd.Output(); err != nil || string(out) != "1\n" {
		t.Errorf("got %q (%v), want 1", out, err)
	}
}

// jobs runs a line as an action does that takes part in the pool.
func jobs(lease *jobserver.Lease, line string) *exec.Cmd {
	cmd := exec.Command("sh", "package/private/jobs.sh", line)
	cmd.ExtraFiles = lease.Files()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "MAKEFLAGS=" + lease.MakeFlagsInherited(3, 4)}
	return cmd
}
