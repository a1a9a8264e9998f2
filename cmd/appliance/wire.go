package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/net/http/httpproxy"

	"github.com/kittyhawk/appliance/engine"
	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/fetch"
	"github.com/kittyhawk/appliance/engine/jobserver"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store/disk"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/engine/workspace"
	"github.com/kittyhawk/appliance/rules"
	"github.com/kittyhawk/appliance/rules/toolroot/mirror"
)

// parallelDownloads is how many files are fetched at a time.
const parallelDownloads = 12

// stack is everything that a build works with, put together.
type stack struct {
	engine    *engine.Engine
	store     *disk.Store
	workspace *workspace.Workspace
	layers    lateLayers
	box       sandbox.Starter
}

// Close makes what was done durable.
func (s *stack) Close() error {
	return errors.Join(s.box.Close(), s.workspace.Close(), s.store.Close())
}

// openStack puts the layers together, lowest first.
func (p *program) openStack(ctx context.Context, at place, flags *buildFlags, events event.Sink) (*stack, error) {
	analysis, err := analysisOptions(flags, events)
	if err != nil {
		return nil, err
	}
	cache, err := p.cacheDir()
	if err != nil {
		return nil, err
	}
	st, err := openStore(cache)
	if err != nil {
		return nil, err
	}
	ws, err := openWorkspace(at, statCache(at, cache))
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s := &stack{store: st, workspace: ws}
	executing := func(mirrors map[string][]string, err error) (execute.Config, error) {
		if err != nil {
			return execute.Config{}, err
		}
		fetcher, err := p.newFetcher(st, cache, &flags.mirrorFlags, mirrors)
		if err != nil {
			return execute.Config{}, err
		}
		return executeConfig(flags, &s.box, st, ws, fetcher, events), nil
	}
	loader := load.New(ws, events, load.Options{OpenLayer: s.layers.Open})
	s.layers.open = func(ctx context.Context) (*layerStore, error) {
		config, err := executing(loader.RootMirrors(ctx))
		return &layerStore{store: st, config: config}, err
	}
	s.engine = &engine.Engine{Loader: loader, Analysis: analysis}
	if s.engine.Execute, err = executing(loader.Mirrors(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newFetcher fetches into a store, by way of the mirrors that flags and the
// workspace name.
func (p *program) newFetcher(st *disk.Store, cache string, flags *mirrorFlags, declared map[string][]string) (*fetch.Fetcher, error) {
	bases, err := p.mirrorBases(flags, declared)
	if err != nil {
		return nil, err
	}
	return fetch.New(st, fetch.Options{
		Mirrors:  bases,
		Distdirs: p.paths(flags.distdir),
		Partial:  filepath.Join(cache, "partial"),
		Proxy:    p.env.proxy(),
	}), nil
}

// statCache is the file that keeps the digests of a workspace's sources.
func statCache(at place, cache string) string {
	return filepath.Join(cache, "stat-"+digest.Of([]byte(at.root)).Short())
}

// openWorkspace opens the sources and the rules. stats is a file that keeps
// digests, or "".
func openWorkspace(at place, stats string) (*workspace.Workspace, error) {
	return workspace.Open(at.root, workspace.Options{
		Embedded:  map[string]fs.FS{rules.Repo: rules.Files()},
		StatCache: stats,
	})
}

func analysisOptions(flags *buildFlags, events event.Sink) (analyze.Options, error) {
	o := analyze.Options{Tools: map[string]int{}, TestTimeout: flags.tests.timeout(), Events: events}
	for _, t := range rules.Tools() {
		o.Tools[t.Name] = t.Version
	}
	var err error
	if flags.platforms != "" {
		if o.TargetPlatform, err = label.Parse(flags.platforms, label.Label{}); err != nil {
			return o, usagef("--platforms: %w", err)
		}
	}
	o.ExecPlatform, err = label.Parse(rules.ExecPlatform, label.Label{})
	return o, err
}

// executeConfig stacks the runners: the cache over the rest.
func executeConfig(flags *buildFlags, box *sandbox.Starter, st *disk.Store, ws *workspace.Workspace, fetcher *fetch.Fetcher, events event.Sink) execute.Config {
	trees := &tree.Layered{Below: st.Trees()}
	local := newLocal(flags, box, st, ws, trees, fetcher)
	fresh := newFresh(st, local)
	cached := runner.NewCached(st.Results(), fresh)
	return execute.Config{
		Sources: ws,
		Runner:  cached,
		Fresh:   fresh,
		Trees:   trees,
		Deliver: func(ctx context.Context, a *action.Artifact, n tree.Node) error {
			return deliver(ctx, st, a, n)
		},
		LogPath:   func(key digest.Digest) string { return printed(st.LogPath(key)) },
		Events:    events,
		Lookups:   flags.jobCount(),
		KeepGoing: flags.keepGoing,
		Tests:     flags.tests.config(cached, fresh, local),
	}
}

// deliver makes sure that a wanted artifact lies in the store.
func deliver(ctx context.Context, st *disk.Store, a *action.Artifact, n tree.Node) error {
	switch a.Origin() {
	case action.Source:
		return nil
	case action.Literal:
		content, _ := a.Content()
		return st.Put(ctx, n.Digest, bytes.NewReader(content))
	}
	_, err := st.Path(ctx, n)
	return err
}

// printed is the log at a path, "" if there is none or nothing in it: tools and
// downloads keep none.
func printed(log string) string {
	if info, err := os.Stat(log); err != nil || info.Size() == 0 {
		return ""
	}
	return log
}

// newFresh runs every request anew and records its result.
func newFresh(st *disk.Store, local runner.Runner) runner.Runner {
	return runner.NewShared(runner.NewRecorded(st.Results(), local))
}

// newLocal runs requests and keeps nothing but what they make.
func newLocal(flags *buildFlags, box *sandbox.Starter, st *disk.Store, ws *workspace.Workspace, trees tree.Source, fetcher *fetch.Fetcher) runner.Runner {
	jobs := jobserver.New(flags.jobCount())
	byWork := runner.ByWork{
		Command: runner.NewCommand(box, localFiles{st}, st, jobs, st.LogPath, flags.timeout()),
		Tool:    runner.NewTool(rules.Tools(), st, st.Trees(), st, flags.jobCount()),
		Fetch:   runner.NewFetch(fetcher, parallelDownloads),
	}
	return runner.NewSourced(ws, st, trees, byWork)
}

// newProgram runs a program for a person.
func (s *stack) newProgram(launch runner.Launch) runner.Runner {
	return runner.NewSourced(s.workspace, s.store, s.engine.Execute.Trees, runner.NewProgram(&s.box, localFiles{s.store}, launch))
}

// localFiles are the files of a disk store, as runners want them.
type localFiles struct{ *disk.Store }

// Adopt tells what a tree cannot hold from trouble with the disk.
func (f localFiles) Adopt(ctx context.Context, hostPath, name string) (tree.Node, error) {
	n, err := f.Store.Adopt(ctx, hostPath, disk.AdoptOptions{Name: name})
	var refused *disk.Refused
	if errors.As(err, &refused) {
		return n, &runner.Unfit{Err: refused}
	}
	return n, err
}

// mirrorBases are the base URLs by name: those of flags and environment, else
// those that the workspace declares, else those that the host's own package
// manager uses.
func (p *program) mirrorBases(flags *mirrorFlags, declared map[string][]string) (map[string][]string, error) {
	named, err := flags.bases(p.env)
	if err != nil {
		return nil, err
	}
	bases, err := mirror.OfHost(os.DirFS("/etc/apt"))
	if err != nil {
		bases = map[string][]string{} // a host without a readable apt has no mirrors
	}
	maps.Copy(bases, declared)
	for name, base := range named {
		bases[name] = []string{base}
	}
	return bases, nil
}

func (p *program) paths(names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = p.path(name)
	}
	return paths
}

// proxy is what http_proxy, https_proxy and no_proxy say.
func (e environment) proxy() func(*http.Request) (*url.URL, error) {
	either := func(name, upper string) string {
		if v := e[name]; v != "" {
			return v
		}
		return e[upper]
	}
	config := httpproxy.Config{
		HTTPProxy:  either("http_proxy", "HTTP_PROXY"),
		HTTPSProxy: either("https_proxy", "HTTPS_PROXY"),
		NoProxy:    either("no_proxy", "NO_PROXY"),
	}
	choose := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}
