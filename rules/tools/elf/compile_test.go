package elf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// workshop is a directory in which the host's compiler makes files.
type workshop struct {
	*testing.T
	dir string
}

// newWorkshop skips the test if the host lacks one of the programs.
func newWorkshop(t *testing.T, programs ...string) workshop {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s on this host", program)
		}
	}
	return workshop{t, t.TempDir()}
}

func (w workshop) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o666); err != nil {
		w.Fatal(err)
	}
}

func (w workshop) run(argv ...string) {
	w.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

func (w workshop) open(name string) *os.File {
	w.Helper()
	f, err := os.Open(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { f.Close() })
	return f
}

func (w workshop) load(name string) *Info {
	w.Helper()
	info, err := Inspect(w.open(name))
	if err != nil {
		w.Fatalf("%s: %v", name, err)
	}
	return info
}
