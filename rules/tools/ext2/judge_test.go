package ext2

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// judge finds a program of e2fsprogs, or skips the test.
func judge(t testing.TB, name string) string {
	t.Helper()
	path, ok := lookJudge(name)
	if !ok {
		t.Skipf("%s is not here; set APPLIANCE_TEST_TOOLS to a directory that has it", name)
	}
	return path
}

// lookJudge looks in the directories that APPLIANCE_TEST_TOOLS lists or else
// in the usual ones.
func lookJudge(name string) (path string, ok bool) {
	dirs := filepath.SplitList(os.Getenv("APPLIANCE_TEST_TOOLS"))
	if len(dirs) == 0 {
		dirs = append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin")
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// fsck lets e2fsck, if it is here, look at an image: it must have nothing to
// say but its summary.
func fsck(t testing.TB, image string) {
	t.Helper()
	e2fsck, ok := lookJudge("e2fsck")
	if !ok {
		t.Log("e2fsck is not here and did not judge the image")
		return
	}
	cmd := exec.Command(e2fsck, "-fn", image)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "e2fsck ") && !strings.HasPrefix(line, "Pass ") && !strings.Contains(line, "% non-contiguous)") {
			t.Errorf("e2fsck: %s", line)
		}
	}
}

// forms are the block sizes and levels that images come in.
func forms() []Options {
	var list []Options
	for _, size := range []int{1024, 2048, 4096} {
		list = append(list,
			Options{Level: Rev0, BlockSize: size},
			Options{Level: Linux26, BlockSize: size},
			Options{Level: Linux26, BlockSize: size, InodeSize: 256},
		)
	}
	return list
}

func formName(o Options) string { return fmt.Sprintf("%s/%d/%d", o.Level, o.BlockSize, o.InodeSize) }
