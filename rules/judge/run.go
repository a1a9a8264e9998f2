package judge

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Run starts a judge in a directory and is what it prints. That it has something
// to complain about fails the test.
func Run(t testing.TB, dir string, stdin []byte, argv ...string) []byte {
	t.Helper()
	cmd := exec.Command(Tool(t, argv[0]), argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, []string{"LC_ALL=C", "TZ=UTC"}, bytes.NewReader(stdin)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, complaints.Bytes())
	}
	return out.Bytes()
}
