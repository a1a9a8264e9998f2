package judge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// offline is the environment variable that keeps tests from the network.
const offline = "APPLIANCE_TEST_OFFLINE"

// build brings the tool root up to date in the user's cache and returns its
// directory. Test processes wait for each other: the first compiles and
// downloads, the others find everything there.
func build() (string, error) {
	if err := allowed(); err != nil {
		return "", err
	}
	dir, err := workDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	program := filepath.Join(dir, "appliance")
	if err := Compile(program); err != nil {
		return "", err
	}
	return buildWith(program, filepath.Join(dir, "out"))
}

func allowed() error {
	switch {
	case testing.Short():
		return &missing{"-short is set"}
	case os.Getenv(offline) != "":
		return &missing{offline + " is set"}
	case runtime.GOOS != "linux" || runtime.GOARCH != "amd64":
		return &missing{"they run on linux/amd64, not on " + runtime.GOOS + "/" + runtime.GOARCH}
	}
	return nil
}

// workDir is our directory in the user's cache. It holds nothing that is not
// made again when it is missing.
func workDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &missing{err.Error()}
	}
	dir := filepath.Join(cache, "appliance-judge")
	return dir, os.MkdirAll(dir, 0o755)
}

// lock waits until this process is the only one that has the lock.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// Compile makes the file program the appliance program of this module, for tests
// that run it; go does nothing when it is up to date.
func Compile(program string) error {
	cmd := exec.Command("go", "build", "-o", program, "github.com/kittyhawk/appliance/cmd/appliance")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// buildWith builds the tool root with links to it below out.
func buildWith(program, out string, flags ...string) (string, error) {
	args := append([]string{"build", "--ui=plain", "--output=" + out}, flags...)
	cmd := exec.Command(program, append(args, label)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", failure(err, stderr.String())
	}
	return os.Readlink(filepath.Join(out, strings.NewReplacer("//", "/", ":", "/").Replace(label)))
}

// unreachable is what the program says when the network, or the name of a
// mirror, is all that is missing.
var unreachable = []string{"no server could be reached", `no mirror "debian" is known`}

func failure(err error, stderr string) error {
	for _, text := range unreachable {
		if strings.Contains(stderr, text) {
			return &missing{text}
		}
	}
	return errors.Join(fmt.Errorf("build %s: %w", label, err), errors.New(stderr))
}
