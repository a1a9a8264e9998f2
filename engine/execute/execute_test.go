package execute_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/mem"
	"github.com/kittyhawk/appliance/engine/tree"
)

// bench is a small build: a store, tools, and what has run.
type bench struct {
	t     *testing.T
	store *mem.Store

	mu  sync.Mutex
	ran []string // arguments of the tool calls, in order
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, store: mem.New()}
}

// concat is a tool that joins its inputs behind its argument.
func (b *bench) concat() action.Tool {
	return action.Tool{Name: "concat", Version: 1, Run: func(ctx context.Context, call action.Call) error {
		var args struct{ Text string }
		if err := call.Args(&args); err != nil {
			return err
		}
		b.mu.Lock()
		b.ran = append(b.ran, args.Text)
		b.mu.Unlock()
		switch args.Text {
		case "fail":
			return errors.New("told to fail")
		case "hang":
			<-ctx.Done()
			return ctx.Err()
		}
		out, err := call.Create("out", false)
		if err != nil {
			return err
		}
		io.WriteString(out, args.Text)
		for _, in := range call.Inputs("in") {
			blob, err := call.Open(ctx, in.Node.Digest)
			if err != nil {
				return err
			}
			if _, err := io.Copy(out, blob); err != nil {
				return err
			}
		}
		return out.Close()
	}}
}

func mustParse(t *testing.T, name string) label.Label {
	t.Helper()
	l, err := label.Parse(name, label.Label{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// step plans concat(text, inputs...).
func (b *bench) step(text string, in ...*action.Artifact) *action.Artifact {
	b.t.Helper()
	owner := mustParse(b.t, "//:"+text)
	out := action.NewDerived(owner, text, false)
	_, err := action.New(action.Plan{Owner: owner, Mnemonic: "Concat", Work: &action.ToolCall{
		Tool: "concat", Version: 1, Args: fmt.Appendf(nil, `{"Text":%q}`, text),
		Inputs:  []action.NamedInput{{Name: "in", Artifacts: in}},
		Outputs: []action.Output{{Name: "out", Artifact: out}},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// run executes and returns what has run since the last time.
func (b *bench) run(keepGoing bool, wanted ...*action.Artifact) (*execute.Outcome, string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	trees := store.NewTrees(b.store)
	fresh := runner.NewShared(runner.NewRecorded(b.store.Results(),
		runner.NewTool([]action.Tool{b.concat()}, b.store, trees, noMemo{}, 2)))
	outcome, err := execute.Run(ctx, wanted, execute.Config{
		Runner: runner.NewCached(b.store.Results(), fresh),
		Fresh:  fresh,
		Trees:  trees,
		Deliver: func(ctx context.Context, _ *action.Artifact, n tree.Node) error {
			_, err := store.Bytes(ctx, b.store, n.Digest)
			return err
		},
		LogPath:   digest.Digest.Short,
		Events:    event.Discard,
		KeepGoing: keepGoing,
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	ran := strings.Join(b.ran, " ")
	b.ran = nil
	return outcome, ran, err
}

func (b *bench) content(o *execute.Outcome, a *action.Artifact) string {
	b.t.Helper()
	text, err := store.Bytes(context.Background(), b.store, o.Nodes[a].Digest)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

type noMemo struct{}

func (noMemo) Recall(key digest.Digest) ([]byte, bool) { return nil, false }
func (noMemo) Remember(digest.Digest, []byte)          {}

// Producers run before consumers, each once, and a second build runs nothing.
func TestOrderAndCache(t *testing.T) {
	b := newBench(t)
	base := b.step("a")
	left, right := b.step("l", base), b.step("r", base)
	top := b.step("t", left, right)
	o, ran, err := b.run(false, top, base)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.content(o, top); got != "tlara" {
		t.Fatalf("got %q", got)
	}
	if len(strings.Fields(ran)) != 4 || o.Ran != 4 {
		t.Fatalf("ran %q, %d", ran, o.Ran)
	}
	if o, ran, err = b.run(false, top); err != nil || ran != "" || o.Cached != 4 {
		t.Fatalf("second build: ran %q, %d cached, %v", ran, o.Cached, err)
	}
}

// A blob that has vanished is made again by whoever made it, and only it.
func TestVanishedInputIsMadeAgain(t *testing.T) {
	b := newBench(t)
	a := b.step("a")
	o, _, err := b.run(false, a)
	if err != nil {
		t.Fatal(err)
	}
	middle := b.step("m", a)
	b.store.Remove(o.Nodes[a].Digest)
	o, ran, err := b.run(false, b.step("z", middle))
	if err != nil || ran != "a m z" {
		t.Fatalf("ran %q, %v", ran, err)
	}
	_ = o
}

// A wanted output whose bytes are lost after its result was found is made again
// too.
func TestVanishedOutputIsMadeAgain(t *testing.T) {
	b := newBench(t)
	a := b.step("a")
	first, _, err := b.run(false, a)
	if err != nil {
		t.Fatal(err)
	}
	b.store.Remove(first.Nodes[a].Digest)
	o, ran, err := b.run(false, a)
	if err != nil || ran != "a" || b.content(o, a) != "a" {
		t.Fatalf("ran %q, %v", ran, err)
	}
}

// A failure stops what has not begun; with keep-going only what depends on it.
func TestKeepGoing(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		b := newBench(t)
		bad := b.step("fail")
		above := b.step("above", bad)
		other := b.step("other", b.step("x"))
		o, ran, err := b.run(keepGoing, above, other)
		if diag.KindOf(err, diag.Bug) != diag.Action || !strings.Contains(err.Error(), "told to fail") {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(ran, "above") {
			t.Fatal("what needs a failed action has run")
		}
		if _, ok := o.Nodes[other]; ok != keepGoing && keepGoing {
			t.Fatalf("keep going %v: other built: %v (ran %q)", keepGoing, ok, ran)
		}
	}
}

// ^C ends a build at once, and is no failure of the actions that it stopped.
func TestCancel(t *testing.T) {
	b := newBench(t)
	hang := b.step("hang")
	ctx, cancel := context.WithCancel(context.Background())
	trees := store.NewTrees(b.store)
	tool := runner.NewTool([]action.Tool{b.concat()}, b.store, trees, noMemo{}, 2)
	_, err := execute.Run(ctx, []*action.Artifact{hang}, execute.Config{
		Runner: tool, Fresh: tool, Trees: trees, Deliver: func(context.Context, *action.Artifact, tree.Node) error { return nil },
		LogPath: digest.Digest.Short,
		Events: sinkFunc(func(e event.Event) {
			if _, ok := e.(event.ActionStarted); ok {
				cancel()
			}
		}),
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

type sinkFunc func(event.Event)

func (f sinkFunc) Hear(e event.Event) { f(e) }

// Two targets that plan the same action share one run of it.
func TestEqualActionsRunOnce(t *testing.T) {
	b := newBench(t)
	one, two := b.step("same"), b.step("same")
	o, ran, err := b.run(false, one, two)
	if err != nil || ran != "same" || o.Ran != 1 || o.Cached != 1 {
		t.Fatalf("ran %q (%d, %d cached), %v", ran, o.Ran, o.Cached, err)
	}
}

// A long chain must neither overflow nor slow down the scheduler.
func BenchmarkNothingToDo(bench *testing.B) {
	t := &testing.T{}
	b := newBench(t)
	var all []*action.Artifact
	at := b.step("0")
	for i := range 2000 {
		at = b.step(fmt.Sprint(i+1), at)
		all = append(all, at)
	}
	if _, _, err := b.run(false, all...); err != nil {
		bench.Fatal(err)
	}
	for bench.Loop() {
		if _, ran, err := b.run(false, all...); err != nil || ran != "" {
			bench.Fatal(ran, err)
		}
	}
}
