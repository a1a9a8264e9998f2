package runner_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/jobserver"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/tree"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// commands runs probes in the sandbox, over a store on disk.
type commands struct {
	t     testing.TB
	store *disk.Store
	box   sandbox.Starter
	root  tree.Node
}

func newCommands(t testing.TB) *commands {
	st, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		st.Close()
	})
	if problems := sandbox.Check(t.Context(), t.TempDir()); len(problems) > 0 {
		t.Skipf("this host has no sandbox: %v", problems)
	}
	c := &commands{t: t, store: st}
	t.Cleanup(func() { c.box.Close() })
	c.root = c.tree(map[string]string{"probe": probe(t)})
	return c
}

// probe builds testdata/probe and returns its bytes.
func probe(t testing.TB) string {
	name := filepath.Join(t.TempDir(), "probe")
	cmd := exec.Command("go", "build", "-o", name, "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree makes a tree of executable files.
func (c *commands) tree(files map[string]string) tree.Node {
	b := tree.NewBuilder(c.store.Trees())
	for p, text := range files {
		d, err := store.PutBytes(c.t.Context(), c.store, []byte(text))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := b.Add(c.t.Context(), p, tree.NewFile(d, true), "test"); err != nil {
			c.t.Fatal(err)
		}
	}
	n, err := b.Build(c.t.Context(), c.store.Trees())
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// files adapts the store as cmd/appliance does.
type files struct{ *disk.Store }

func (f files) Adopt(ctx context.Context, hostPath, name string) (tree.Node, error) {
	n, err := f.Store.Adopt(ctx, hostPath, disk.AdoptOptions{Name: name})
	var refused *disk.Refused
	if errors.As(err, &refused) {
		return n, &runner.Unfit{Err: refused}
	}
	return n, err
}

// run runs the probe with these steps. Its outputs are the tree /out and the
// file /result/file; /src holds a file "in" and may be written to.
func (c *commands) run(ctx context.Context, timeout time.Duration, steps ...string) (*action.Result, error) {
	c.t.Helper()
	owner, err := label.Parse("//:probe", label.Label{})
	if err != nil {
		c.t.Fatal(err)
	}
	root, src := action.NewDerived(owner, "root", true), action.NewDerived(owner, "src", true)
	a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Probe", Timeout: timeout, Work: &action.Command{
		Argv:     append([]string{"/probe"}, steps...),
		Dir:      "/src",
		Mounts:   []action.Mount{{Path: "/", Artifacts: []*action.Artifact{root}}, {Path: "/src", Artifacts: []*action.Artifact{src}}},
		Writable: []string{"/src", "/build"},
		Cores:    8,
		Outputs: []action.Output{
			{Name: "/out", Artifact: action.NewDerived(owner, "out", true)},
			{Name: "/result/file", Artifact: action.NewDerived(owner, "file", false)},
		},
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	nodes := map[*action.Artifact]tree.Node{root: c.root, src: c.tree(map[string]string{"in": "input"})}
	request, err := action.NewRequest(ctx, a, nodes, c.store.Trees())
	if err != nil {
		c.t.Fatal(err)
	}
	r := runner.NewCommand(&c.box, files{c.store}, c.store, jobserver.New(2), c.store.LogPath, 0)
	return r.Run(ctx, runner.Job{Request: request, Started: func() {}, Progress: func(done, total int64) {}})
}

// A command reads its inputs, writes its outputs, and its changes to a writable
// input are thrown away.
func TestCommandMakesOutputs(t *testing.T) {
	c := newCommands(t)
	result, err := c.run(t.Context(), 0, "copy in /out/copy", "write in changed", "write /build/x x", "makeflags /result/file", "print hello")
	if err != nil {
		t.Fatal(err)
	}
	n, ok, err := tree.Lookup(t.Context(), c.store.Trees(), result.Outputs["/out"], "copy")
	if !ok || err != nil {
		t.Fatal("no /out/copy", err)
	}
	for node, want := range map[tree.Node]string{n: "input", result.Outputs["/result/file"]: "--jobserver-auth=3,4"} {
		b, err := store.Bytes(t.Context(), c.store, node.Digest)
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("got %q, %v, want %q", b, err, want)
		}
	}
	log, err := store.Bytes(t.Context(), c.store, result.Log)
	if err != nil || !bytes.HasPrefix(log, []byte("hello 0\n")) {
		t.Errorf("log %q, %v", log, err)
	}
	src, err := c.store.Path(t.Context(), c.tree(map[string]string{"in": "input"}))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(src, "in")); err != nil || string(b) != "input" {
		t.Errorf("the source in the store was changed: %q, %v", b, err)
	}
}

// What a command does wrong is the action's failure, in words that say what to
// look at.
func TestCommandFailures(t *testing.T) {
	c := newCommands(t)
	for _, test := range []struct {
		name  string
		limit time.Duration
		steps []string
		want  []string
	}{
		{"exit code", 0, []string{"print line", "exit 7"}, []string{"Probe failed with exit code 7", "the last 20 of 100 lines", "line 99", "log"}},
		{"missing output", 0, nil, []string{"did not make its output /result/file", "it printed nothing"}},
		{"wrong kind", 0, []string{"link /result/file"}, []string{"special file"}},
		{"setuid", 0, []string{"write /result/file x", "setuid /out/su"}, []string{"/out/su", "setuid"}},
		{"undeclared write", 0, []string{"write /etc-is-mine x"}, []string{"read-only file system"}},
		{"time limit", time.Second, []string{"print waiting", "hang"}, []string{"stopped at its time limit of 1s", "waiting 99"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.run(t.Context(), test.limit, test.steps...)
			if diag.KindOf(err, diag.Bug) != diag.Action {
				t.Fatalf("got %v, want a failure of the action", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
		})
	}
}

// ^C kills the command and leaves nothing behind in the scratch directory.
func TestCommandIsCancelled(t *testing.T) {
	c := newCommands(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.run(ctx, 0, "hang"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(c.store.Dir(), "tmp", "*", "scratch*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

// BenchmarkTrivialAction is what one command costs: sandbox, mounts, outputs,
// store.
func BenchmarkTrivialAction(b *testing.B) {
	c := newCommands(b)
	for b.Loop() {
		if _, err := c.run(b.Context(), 0, "write /result/file x"); err != nil {
			b.Fatal(err)
		}
	}
}
