package ext2

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// fsck lets e2fsck look at an image: it must have nothing to say but its
// summary. Where there is no e2fsck the rest of the test still counts.
func fsck(t testing.TB, image string) {
	t.Helper()
	e2fsck, err := judge.Find(t, "e2fsck")
	if err != nil {
		t.Log(err)
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
