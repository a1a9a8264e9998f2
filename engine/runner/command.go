package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/jobserver"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Command runs commands in the sandbox of this machine.
type Command struct {
	box     *sandbox.Starter
	files   Files
	cas     store.CAS
	jobs    *jobserver.Pool
	logPath func(key digest.Digest) string
	timeout time.Duration // for actions without one of their own
}

// NewCommand runs commands; each holds one job token, and its make more when
// they are free. What a command printed is kept at logPath(key).
func NewCommand(box *sandbox.Starter, files Files, cas store.CAS, jobs *jobserver.Pool, logPath func(digest.Digest) string, timeout time.Duration) *Command {
	return &Command{box, files, cas, jobs, logPath, timeout}
}

// errTimeout is the cause of a context that an action's time limit has ended.
var errTimeout = errors.New("time limit")

// Run runs the command of job and takes its outputs into the store.
func (c *Command) Run(ctx context.Context, job Job) (*action.Result, error) {
	if err := c.jobs.Acquire(ctx); err != nil {
		return nil, err
	}
	defer c.jobs.Release()
	job.Started()
	scratch, remove, err := c.files.Scratch(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	r := &commandRun{Command: c, job: job, work: job.Action.Work().(*action.Command), scratch: scratch}
	return r.run(ctx)
}

// commandRun is one run of one command.
type commandRun struct {
	*Command
	job     Job
	work    *action.Command
	scratch string
	outputs map[string]string // host path of each output by its name
	log     string
}

func (r *commandRun) run(ctx context.Context) (*action.Result, error) {
	spec, err := r.prepare(ctx)
	if err != nil {
		return nil, err
	}
	limit := r.job.Action.Timeout()
	if limit == 0 {
		limit = r.timeout
	}
	limited, cancel := withLimit(ctx, limit)
	defer cancel()
	ended, err := r.start(limited, spec)
	if err != nil {
		return nil, r.explain(limited, limit, err)
	}
	if ended.ExitCode != 0 || ended.Signal != 0 {
		return nil, r.fail(ctx, endedHow(ended), nil)
	}
	result, err := r.collect(ctx)
	if err != nil {
		return nil, err
	}
	result.Spent = action.Spent{User: ended.User, System: ended.System, MaxRSS: ended.MaxRSS}
	return result, nil
}

// withLimit ends ctx after limit; 0 is never.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errTimeout)
}

// prepare lays out scratch: what overlays write, outputs, the log.
func (r *commandRun) prepare(ctx context.Context) (sandbox.Spec, error) {
	overlays := filepath.Join(r.scratch, "overlay")
	if err := os.Mkdir(overlays, 0o755); err != nil {
		return sandbox.Spec{}, err
	}
	mounts, err := inputMounts(ctx, r.files, r.job, r.work, r.scratch)
	if err != nil {
		return sandbox.Spec{}, err
	}
	outputs, err := r.outputMounts()
	if err != nil {
		return sandbox.Spec{}, err
	}
	return sandbox.Spec{
		Argv:    r.work.Argv,
		Env:     environment(r.work),
		Dir:     r.work.Dir,
		Mounts:  append(mounts, outputs...),
		Devices: r.work.Devices,
		Scratch: overlays,
	}, nil
}

func environment(c *action.Command) []string {
	env := make([]string, len(c.Environment))
	for i, v := range c.Environment {
		env[i] = v.Name + "=" + v.Value
	}
	return env
}

// inputMounts gives each mount its layers. A path that is writable and has no
// inputs is an empty directory.
func inputMounts(ctx context.Context, files Files, job Job, work *action.Command, scratch string) ([]sandbox.Mount, error) {
	var mounts []sandbox.Mount
	for _, m := range work.Mounts {
		mount := sandbox.Mount{Path: m.Path, Mode: sandbox.ReadOnly}
		if slices.Contains(work.Writable, m.Path) {
			mount.Mode = sandbox.Overlay
		}
		for _, a := range m.Artifacts {
			layer, err := files.Path(ctx, job.Nodes[a])
			if err != nil {
				return nil, err
			}
			mount.Layers = append(mount.Layers, layer)
		}
		slices.Sort(mount.Layers)
		mount.Layers = slices.Compact(mount.Layers)
		mounts = append(mounts, mount)
	}
	for i, p := range work.Writable {
		if slices.ContainsFunc(mounts, func(m sandbox.Mount) bool { return m.Path == p }) {
			continue
		}
		dir := filepath.Join(scratch, "writable"+strconv.Itoa(i))
		if err := makeDir(dir); err != nil {
			return nil, err
		}
		mounts = append(mounts, sandbox.Mount{Path: p, Layers: []string{dir}, Mode: sandbox.Writable})
	}
	return mounts, nil
}

// makeDir makes a directory that the command sees with the same mode under every
// umask of the caller.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// outputMounts makes a writable directory for each output tree, and one for
// each directory that output files lie in.
func (r *commandRun) outputMounts() ([]sandbox.Mount, error) {
	r.outputs = map[string]string{}
	dirs := map[string]string{} // sandbox path -> host path
	for _, o := range r.work.Outputs {
		mountPath := o.Name
		if !o.Artifact.IsTree() {
			mountPath = path.Dir(o.Name)
		}
		if dirs[mountPath] == "" {
			dirs[mountPath] = filepath.Join(r.scratch, "output"+strconv.Itoa(len(dirs)))
			if err := makeDir(dirs[mountPath]); err != nil {
				return nil, err
			}
		}
		r.outputs[o.Name] = dirs[mountPath]
		if !o.Artifact.IsTree() {
			r.outputs[o.Name] = filepath.Join(dirs[mountPath], path.Base(o.Name))
		}
	}
	var mounts []sandbox.Mount
	for p, host := range dirs {
		mounts = append(mounts, sandbox.Mount{Path: p, Layers: []string{host}, Mode: sandbox.Writable})
	}
	return mounts, nil
}

// firstExtra is the file descriptor of the first of sandbox.Spec's ExtraFiles.
const firstExtra = 3

// start runs the command with its log in scratch and, if it can make use of
// more than one core, with a share in the pool of jobs.
func (r *commandRun) start(ctx context.Context, spec sandbox.Spec) (sandbox.Result, error) {
	r.log = filepath.Join(r.scratch, "log")
	log, err := os.Create(r.log)
	if err != nil {
		return sandbox.Result{}, err
	}
	defer log.Close()
	out, finish, err := r.split(log)
	if err != nil {
		return sandbox.Result{}, err
	}
	defer finish()
	spec.Stdout, spec.Stderr = out, out
	if r.work.Cores > 1 {
		lease, err := r.jobs.Serve(r.scratch)
		if err != nil {
			return sandbox.Result{}, err
		}
		defer lease.Close()
		spec.ExtraFiles = lease.Files()
		spec.Env = append(spec.Env, "MAKEFLAGS="+lease.MakeFlagsInherited(firstExtra, firstExtra+1))
	}
	return r.box.Run(ctx, spec)
}

// split is a file for the command to write to: the log, or, where somebody
// listens, a pipe to both. finish returns when all of it has come through; then
// no process has the pipe open any more.
func (r *commandRun) split(log *os.File) (out *os.File, finish func(), err error) {
	if r.job.Output == nil {
		return log, func() {}, nil
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.MultiWriter(log, listener(r.job.Output)), reader)
	}()
	return writer, func() {
		writer.Close()
		<-done
		reader.Close()
	}, nil
}

// listener is a function as an io.Writer.
type listener func(p []byte)

func (l listener) Write(p []byte) (int, error) {
	l(p)
	return len(p), nil
}

func endedHow(r sandbox.Result) string {
	if r.Signal != 0 {
		return fmt.Sprintf("was killed by signal %d", r.Signal)
	}
	return fmt.Sprintf("failed with exit code %d", r.ExitCode)
}

// explain tells a command that cannot start or ran out of time from trouble
// with this machine.
func (r *commandRun) explain(ctx context.Context, limit time.Duration, err error) error {
	var start *sandbox.StartError
	switch {
	case errors.As(err, &start):
		return r.fail(ctx, "failed: "+start.Error(), err)
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errTimeout):
		p := r.fail(context.WithoutCancel(ctx), fmt.Sprintf("was stopped at its time limit of %s", limit), errTimeout)
		p.Hint = "raise timeout_s, or find out with the log what it waits for"
		return p
	}
	return err
}

// fail keeps the log and makes the action's failure.
func (r *commandRun) fail(ctx context.Context, reason string, cause error) *diag.Problem {
	if r.job.Action.Purpose() == action.Test {
		cause = r.failTest(ctx, reason, cause)
	}
	kept := r.logPath(r.job.Key)
	if err := keep(r.log, kept); err != nil {
		return withLog(failure(r.job.Action, reason, cause), r.log, "the rest is lost: "+err.Error())
	}
	return withLog(failure(r.job.Action, reason, cause), kept, "all of it in "+kept)
}

// failTest puts the log into the store, where those of other runs of the test do
// not replace it.
func (r *commandRun) failTest(ctx context.Context, reason string, cause error) *TestFailure {
	log, err := r.adoptLog(ctx)
	return &TestFailure{Reason: reason, TimedOut: cause == errTimeout, Log: log, Err: errors.Join(cause, err)}
}

func keep(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// collect takes the outputs and the log into the store.
func (r *commandRun) collect(ctx context.Context) (*action.Result, error) {
	result := &action.Result{Outputs: map[string]tree.Node{}}
	for _, o := range r.work.Outputs {
		n, err := r.output(ctx, o)
		if err != nil {
			return nil, err
		}
		result.Outputs[o.Name] = n
	}
	log, err := r.adoptLog(ctx)
	if err != nil {
		return nil, err
	}
	result.Log = log
	if !log.IsZero() {
		err = keep(r.log, r.logPath(r.job.Key))
	}
	return result, err
}

func (r *commandRun) output(ctx context.Context, o action.Output) (tree.Node, error) {
	host := r.outputs[o.Name]
	info, err := os.Lstat(host)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Node{}, r.fail(ctx, fmt.Sprintf("did not make its output %s", o.Name), nil)
	}
	if err != nil {
		return tree.Node{}, err
	}
	if want := kindOf(o.Artifact.IsTree()); kindOfFile(info) != want {
		return tree.Node{}, r.fail(ctx, fmt.Sprintf("made a %s of its output %s, want a %s", kindOfFile(info), o.Name, want), nil)
	}
	n, err := r.files.Adopt(ctx, host, o.Name)
	if err != nil {
		return tree.Node{}, r.refused(ctx, err)
	}
	return n, nil
}

func kindOf(isTree bool) string {
	if isTree {
		return "directory"
	}
	return "file"
}

func kindOfFile(info fs.FileInfo) string {
	if info.IsDir() || info.Mode().IsRegular() {
		return kindOf(info.IsDir())
	}
	return "special file (" + info.Mode().Type().String() + ")"
}

// refused makes outputs that no tree can hold the action's failure.
func (r *commandRun) refused(ctx context.Context, err error) error {
	var unfit *Unfit
	if errors.As(err, &unfit) {
		return r.fail(ctx, "failed: "+unfit.Error(), err)
	}
	return err
}

func (r *commandRun) adoptLog(ctx context.Context) (digest.Digest, error) {
	f, err := os.Open(r.log)
	if err != nil {
		return digest.Digest{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return digest.Digest{}, err
	}
	w, err := r.cas.Create(ctx)
	if err != nil {
		return digest.Digest{}, err
	}
	defer w.Close()
	if _, err := io.Copy(w, f); err != nil {
		return digest.Digest{}, err
	}
	return w.Commit()
}
