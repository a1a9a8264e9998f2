package runner_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/store/mem"
	"github.com/kittyhawk/appliance/engine/tree"
)

// uploads is a source that gives these bytes under this digest.
type uploads struct {
	as   digest.Digest
	text string
}

func (u uploads) Upload(ctx context.Context, _ *action.Artifact, put func(context.Context, digest.Digest, io.Reader) error) error {
	return put(ctx, u.as, strings.NewReader(u.text))
}

// never is a runner for requests that must not get through.
type never struct{ t *testing.T }

func (n never) Run(context.Context, runner.Job) (*action.Result, error) {
	n.t.Error("ran without its source")
	return nil, nil
}

// Somebody who saves a file while it is being built from is told so, whether it
// changed before its bytes were read once more or while they were.
func TestSourceChangesDuringBuild(t *testing.T) {
	before := digest.Of([]byte("before"))
	for name, source := range map[string]uploads{
		"between": {digest.Of([]byte("after")), "after"},
		"during":  {before, "after"},
	} {
		t.Run(name, func(t *testing.T) {
			owner, err := label.Parse("//:f", label.Label{})
			if err != nil {
				t.Fatal(err)
			}
			f := action.NewSource(owner, false)
			a, err := action.New(action.Plan{Owner: owner, Mnemonic: "Step", Work: &action.ToolCall{
				Tool:    "tool",
				Inputs:  []action.NamedInput{{Name: "in", Artifacts: []*action.Artifact{f}}},
				Outputs: []action.Output{{Name: "out", Artifact: action.NewDerived(owner, "out", false)}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			cas := mem.New()
			trees := store.NewTrees(cas)
			request, err := action.NewRequest(t.Context(), a, map[*action.Artifact]tree.Node{f: tree.NewFile(before, false)}, trees)
			if err != nil {
				t.Fatal(err)
			}
			r := runner.NewSourced(source, cas, trees, never{t})
			_, err = r.Run(t.Context(), runner.Job{Request: request})
			if err == nil || !strings.Contains(err.Error(), "//:f: the source has changed during the build") {
				t.Fatalf("got %v", err)
			}
		})
	}
}
