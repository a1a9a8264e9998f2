package judge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// label is the tool root that the programs come from.
const label = "@rules//toolroot:judges"

// judges is the directory of the tool root, looked for once in a test process.
var judges = sync.OnceValues(build)

// missing is a reason not to judge that is no fault of what is tested.
type missing struct{ reason string }

func (e *missing) Error() string { return "no judges: " + e.reason }

// Tool is the path of a program of the judges' tool root that can be started as
// it is, until the test ends. A test that cannot have it is skipped.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := Find(t, name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

// Find is Tool for tests that have more to say than a judge: the error is the
// reason for which there is no judge now. That a tool root cannot be built, or
// has no such program, fails the test.
func Find(t testing.TB, name string) (string, error) {
	t.Helper()
	root, err := judges()
	var reason *missing
	if errors.As(err, &reason) {
		return "", err
	}
	if err != nil {
		t.Fatal(err)
	}
	path, err := wrap(t.TempDir(), root, name)
	if err != nil {
		t.Fatal(err)
	}
	return path, nil
}

// programs are the directories of programs in a Debian root.
var programs = []string{"usr/bin", "usr/sbin", "bin", "sbin"}

func lookup(root, name string) (string, error) {
	for _, dir := range programs {
		path := filepath.Join(root, dir, name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return "", fmt.Errorf("%s has no program %q", label, name)
}
