package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Memo keeps small results of pure functions by key. It may forget.
type Memo interface {
	Recall(key digest.Digest) ([]byte, bool)
	Remember(key digest.Digest, value []byte)
}

// Tool runs tool calls inside this process.
type Tool struct {
	tools map[string]action.Tool
	cas   store.CAS
	trees *store.Trees
	memo  Memo

	places *semaphore.Weighted
}

// NewTool runs the given tools, at most parallel calls at a time. They take no
// job tokens: most calls take milliseconds, and would wait for minutes while
// compilers hold all of them.
func NewTool(tools []action.Tool, cas store.CAS, trees *store.Trees, memo Memo, parallel int) *Tool {
	byName := make(map[string]action.Tool, len(tools))
	for _, t := range tools {
		byName[t.Name] = t
	}
	return &Tool{byName, cas, trees, memo, semaphore.NewWeighted(int64(parallel))}
}

// Run calls the tool of job.
func (t *Tool) Run(ctx context.Context, job Job) (*action.Result, error) {
	if err := t.places.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer t.places.Release(1)
	job.Started()
	work := job.Action.Work().(*action.ToolCall)
	tool, ok := t.tools[work.Tool]
	if !ok || tool.Version != work.Version {
		return nil, fmt.Errorf("bug: tool %s version %d is planned but not linked in", work.Tool, work.Version)
	}
	call := &call{ctx: ctx, runner: t, job: job, work: work, outputs: map[string]tree.Node{}, open: map[*fileWriter]bool{}}
	defer call.abandon()
	if err := tool.Run(ctx, call); err != nil {
		return nil, call.explain(err)
	}
	return call.result()
}

// call is one run of one tool.
type call struct {
	ctx    context.Context
	runner *Tool
	job    Job
	work   *action.ToolCall

	mu      sync.Mutex
	outputs map[string]tree.Node // by name, those that are finished
	open    map[*fileWriter]bool // those that are not closed yet
	log     bytes.Buffer
}

func (c *call) Args(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.work.Args))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("arguments of tool %s: %w", c.work.Tool, err)
	}
	return nil
}

func (c *call) Inputs(name string) []action.Input {
	var in []action.Input
	for _, named := range c.work.Inputs {
		if named.Name != name {
			continue
		}
		for _, a := range named.Artifacts {
			in = append(in, action.Input{Node: c.job.Nodes[a], Name: path.Base(a.Path()), Owner: a.Owner().String()})
		}
	}
	return in
}

func (c *call) Trees() tree.Source { return c.runner.trees }

func (c *call) Sink() tree.Sink { return c.runner.trees }

func (c *call) Open(ctx context.Context, d digest.Digest) (action.Blob, error) {
	return c.runner.cas.Open(ctx, d)
}

func (c *call) Create(name string, executable bool) (io.WriteCloser, error) {
	if err := c.declared(name, false); err != nil {
		return nil, err
	}
	w, err := c.runner.cas.Create(c.ctx)
	if err != nil {
		return nil, err
	}
	return c.writer(w, func(d digest.Digest) error {
		return c.finish(name, tree.NewFile(d, executable))
	}), nil
}

func (c *call) CreateTree(name string) (action.TreeWriter, error) {
	if err := c.declared(name, true); err != nil {
		return nil, err
	}
	return newTreeWriter(c, name), nil
}

func (c *call) PutTree(name string, n tree.Node) error {
	if err := c.declared(name, true); err != nil {
		return err
	}
	return c.finish(name, n)
}

func (c *call) Recall(key digest.Digest) ([]byte, bool) {
	return c.runner.memo.Recall(c.memoKey(key))
}

func (c *call) Remember(key digest.Digest, value []byte) {
	c.runner.memo.Remember(c.memoKey(key), value)
}

func (c *call) memoKey(key digest.Digest) digest.Digest {
	return digest.Of(fmt.Appendf(nil, "%s %d %s", c.work.Tool, c.work.Version, key))
}

func (c *call) Printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&c.log, format+"\n", args...)
}

func (c *call) declared(name string, isTree bool) error {
	for _, o := range c.work.Outputs {
		if o.Name == name && o.Artifact.IsTree() == isTree {
			return nil
		}
	}
	return fmt.Errorf("tool %s: output %q is not declared as such", c.work.Tool, name)
}

func (c *call) finish(name string, n tree.Node) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.outputs[name]; twice {
		return fmt.Errorf("tool %s: output %q is made twice", c.work.Tool, name)
	}
	c.outputs[name] = n
	return nil
}

// writer is w as long as it is open: what it holds when the call ends is thrown
// away.
func (c *call) writer(w store.Writer, done func(digest.Digest) error) *fileWriter {
	f := &fileWriter{call: c, w: w, done: done}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[f] = true
	return f
}

// abandon throws away what the tool has left open.
func (c *call) abandon() {
	for f := range c.open {
		f.w.Close()
	}
}

// explain makes a tool's error the action's failure; trouble of this machine
// and cancellation stay what they are.
func (c *call) explain(err error) error {
	if errors.Is(err, store.ErrMissing) || c.ctx.Err() != nil {
		return err
	}
	return failure(c.job.Action, "failed: "+err.Error(), err)
}

func (c *call) result() (*action.Result, error) {
	for _, o := range c.work.Outputs {
		if _, ok := c.outputs[o.Name]; !ok {
			return nil, failure(c.job.Action, fmt.Sprintf("did not make its output %q", o.Name), nil)
		}
	}
	r := &action.Result{Outputs: c.outputs}
	if c.log.Len() > 0 {
		d, err := store.PutBytes(c.ctx, c.runner.cas, c.log.Bytes())
		if err != nil {
			return nil, err
		}
		r.Log = d
	}
	return r, nil
}

// fileWriter is a blob in the making that says when it is finished.
type fileWriter struct {
	call *call
	w    store.Writer
	done func(digest.Digest) error
}

func (f *fileWriter) Write(p []byte) (int, error) { return f.w.Write(p) }

func (f *fileWriter) Close() error {
	f.call.mu.Lock()
	delete(f.call.open, f)
	f.call.mu.Unlock()
	d, err := f.w.Commit()
	if err != nil {
		return errors.Join(err, f.w.Close())
	}
	return f.done(d)
}
