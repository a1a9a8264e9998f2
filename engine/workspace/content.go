package workspace

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Node is the content of a source artifact: the digest of a file, or the tree
// of a directory, whose directories go into sink. Symbolic links inside a
// directory stay links; an artifact that is itself a link is what it points to.
// Version control's data and editors' backups are left out; devices, pipes,
// sockets and names that are not UTF-8 are errors, all of them reported.
func (w *Workspace) Node(ctx context.Context, a *action.Artifact, sink tree.Sink) (tree.Node, error) {
	s, err := w.scan(ctx, a)
	if err != nil {
		return tree.Node{}, err
	}
	return s.build(ctx, sink)
}

// Upload hands every file of a source artifact to put, each once, with its
// digest. A file that changes meanwhile gives bytes that do not fit the digest:
// put must check.
func (w *Workspace) Upload(ctx context.Context, a *action.Artifact, put func(context.Context, digest.Digest, io.Reader) error) error {
	s, err := w.scan(ctx, a)
	if err != nil {
		return err
	}
	seen := map[digest.Digest]bool{}
	for _, f := range s.files() {
		if seen[f.digest] {
			continue
		}
		seen[f.digest] = true
		if err := w.upload(ctx, a.Owner().Repo(), f, put); err != nil {
			return err
		}
	}
	return nil
}

func (w *Workspace) upload(ctx context.Context, repo string, f *entry, put func(context.Context, digest.Digest, io.Reader) error) error {
	file, err := w.Open(ctx, repo, f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := put(ctx, f.digest, file); err != nil {
		return fmt.Errorf("%s: %w", w.Display(repo, f.path), err)
	}
	return nil
}

// Open opens a source file for reading.
func (w *Workspace) Open(ctx context.Context, repo, p string) (io.ReadCloser, error) {
	r, err := w.repo(repo)
	if err != nil {
		return nil, err
	}
	f, err := r.files.Open(clean(p))
	return f, r.tidy(p, err)
}

// Close saves the digests that were found for the next run.
func (w *Workspace) Close() error { return w.stats.save() }

// entry is one node of the source tree on its way to being digested.
type entry struct {
	name, path string
	info       fs.FileInfo
	children   []*entry      // of a directory
	target     string        // of a symbolic link
	digest     digest.Digest // of a file
}

// scan walks the artifact, then digests its files on all cores.
func (w *Workspace) scan(ctx context.Context, a *action.Artifact) (*entry, error) {
	r, err := w.repo(a.Owner().Repo())
	if err != nil {
		return nil, err
	}
	p := a.Owner().Path()
	info, err := r.stat(p)
	if err != nil {
		return nil, err
	}
	root := &entry{path: p, info: info}
	var problems diag.List
	r.walk(ctx, root, &problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range root.files() {
		group.Go(func() error { return w.digest(ctx, r, f) })
	}
	return root, group.Wait()
}

// walk fills in what is below e.
func (r repo) walk(ctx context.Context, e *entry, problems *diag.List) {
	if err := ctx.Err(); err != nil {
		problems.Add(err)
		return
	}
	switch mode := e.info.Mode(); {
	case mode.IsRegular():
	case mode.IsDir():
		r.walkDirectory(ctx, e, problems)
	case mode&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(r.files, e.path)
		problems.Add(r.tidy(e.path, err))
		e.target = target
	default:
		problems.Add(&diag.Problem{
			Position: diag.Position{File: r.show(e.path)},
			Text:     fmt.Sprintf("got a %s, want a file, directory or symbolic link", describe(mode)),
			Hint:     "declare devices and special files in the root file system's manifest; sources hold bytes only",
		})
	}
}

func (r repo) walkDirectory(ctx context.Context, e *entry, problems *diag.List) {
	listed, err := fs.ReadDir(r.files, clean(e.path))
	if err != nil {
		problems.Add(r.tidy(e.path, err))
		return
	}
	for _, d := range listed {
		if ignored(d.Name()) {
			continue
		}
		child := &entry{name: d.Name(), path: path.Join(e.path, d.Name())}
		if !utf8.ValidString(d.Name()) {
			problems.Add(diag.Errorf(diag.Position{File: r.show(e.path)}, "", "name %q is not UTF-8; rename it", d.Name()))
			continue
		}
		if child.info, err = d.Info(); err != nil {
			problems.Add(r.tidy(child.path, err))
			continue
		}
		r.walk(ctx, child, problems)
		e.children = append(e.children, child)
	}
}

// files are the regular files at and below e, in the order of the walk.
func (e *entry) files() []*entry {
	if e.info.Mode().IsRegular() {
		return []*entry{e}
	}
	var all []*entry
	for _, c := range e.children {
		all = append(all, c.files()...)
	}
	return all
}

// digest finds the digest of one file, without reading it if it is known.
func (w *Workspace) digest(ctx context.Context, r repo, e *entry) error {
	key, cacheable := r.statKey(e.path)
	s, stamped := stampOf(e.info)
	cacheable = cacheable && stamped
	if cacheable {
		if d, ok := w.stats.lookup(key, s); ok {
			e.digest = d
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	started := w.stats.now()
	f, err := r.files.Open(e.path)
	if err != nil {
		return r.tidy(e.path, err)
	}
	defer f.Close()
	if e.digest, err = digest.OfReader(f); err != nil {
		return r.tidy(e.path, err)
	}
	if cacheable && e.digest.Size() == s.Size {
		w.stats.record(key, s, started, e.digest)
	}
	return nil
}

// build is e as a node; directories go into sink, children first.
func (e *entry) build(ctx context.Context, sink tree.Sink) (tree.Node, error) {
	switch mode := e.info.Mode(); {
	case mode.IsRegular():
		return tree.NewFile(e.digest, mode&0o111 != 0), nil
	case mode&fs.ModeSymlink != 0:
		return tree.NewLink(e.target), nil
	}
	entries := make([]tree.Entry, len(e.children))
	for i, c := range e.children {
		n, err := c.build(ctx, sink)
		if err != nil {
			return tree.Node{}, err
		}
		entries[i] = tree.Entry{Name: c.name, Node: n}
	}
	d, err := tree.New(entries)
	if err != nil {
		return tree.Node{}, fmt.Errorf("%s: %w", e.path, err)
	}
	return d.Node(), sink.PutDirectory(ctx, d)
}
