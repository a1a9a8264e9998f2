package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// AdoptOptions say how Adopt names things.
type AdoptOptions struct {
	// Name is the output for errors, as whoever made it knows it ("/out"); default
	// the host path.
	Name string
}

// Adopt moves a file, a link or a directory with all that is in it into the
// store. Nothing is copied, so hostPath must be on the store's file system, as
// what is below a Scratch directory is; it is gone afterwards. Nobody may write to
// it any more. What a tree cannot carry is a *Refused, and nothing is moved.
//
// An adopted directory is materialised at once: Path costs nothing.
func (s *Store) Adopt(ctx context.Context, hostPath string, o AdoptOptions) (tree.Node, error) {
	if o.Name == "" {
		o.Name = hostPath
	}
	a := &adoption{s: s, name: o.Name}
	root, err := a.survey(hostPath, o.Name)
	if err != nil {
		return tree.Node{}, err
	}
	if err := a.takeFiles(ctx); err != nil {
		return tree.Node{}, s.writing("output "+o.Name, err)
	}
	n, err := a.finish(ctx, root)
	return n, s.writing("output "+o.Name, err)
}

// found is something to be adopted.
type found struct {
	path string // on the host
	name string // for errors
	node tree.Node

	below []*found // of a directory, sorted by name
}

// adoption is one call of Adopt.
type adoption struct {
	s     *Store
	name  string
	files []*found
}

// survey looks through everything and refuses what cannot be adopted, before
// anything is changed but permissions that the owner lacked.
func (a *adoption) survey(path, name string) (*found, error) {
	var st unix.Stat_t
	ok, err := lstat(path, &st)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &fs.PathError{Op: "adopt", Path: name, Err: fs.ErrNotExist}
	}
	f := &found{path: path, name: name}
	if err := acceptable(name, &st); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.node = tree.Node{Kind: tree.File, Executable: st.Mode&0o111 != 0}
		a.files = append(a.files, f)
		return f, permit(f, &st, 0o400)
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err == nil && !utf8.ValidString(target) {
			err = &Refused{Path: name, Problem: fmt.Sprintf("is a symbolic link to %q, which is not UTF-8", target)}
		}
		f.node = tree.NewLink(target)
		return f, err
	}
	f.node = tree.Node{Kind: tree.Dir}
	return f, a.surveyDir(f, &st)
}

func (a *adoption) surveyDir(dir *found, st *unix.Stat_t) error {
	if err := permit(dir, st, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir.path)
	if err != nil {
		return err
	}
	dir.below = make([]*found, 0, len(entries))
	for _, e := range entries {
		f, err := a.survey(dir.path+"/"+e.Name(), dir.name+"/"+e.Name())
		if err != nil {
			return err
		}
		dir.below = append(dir.below, f)
	}
	return nil
}

// acceptable refuses what a tree has no words for.
func acceptable(name string, st *unix.Stat_t) error {
	if base := filepath.Base(name); !utf8.ValidString(base) {
		return &Refused{Path: name, Problem: "has a name that is not UTF-8"}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
	case unix.S_IFCHR, unix.S_IFBLK:
		return &Refused{name, "is a device node", "a tree holds files, directories and links: declare devices in the root file system instead"}
	case unix.S_IFIFO:
		return &Refused{name, "is a named pipe", "a tree holds files, directories and links: declare pipes in the root file system instead"}
	case unix.S_IFSOCK:
		return &Refused{name, "is a socket", "a tree holds files, directories and links: have the command remove it"}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	switch {
	case st.Mode&unix.S_ISUID != 0:
		return &Refused{name, "is setuid", fmt.Sprintf("special modes are declared, not taken from files: declare mode %04o for it in the root file system, and have the command clear the bit", st.Mode&0o7777)}
	case st.Mode&unix.S_ISGID != 0:
		return &Refused{name, "is setgid", fmt.Sprintf("special modes are declared, not taken from files: declare mode %04o for it in the root file system, and have the command clear the bit", st.Mode&0o7777)}
	}
	return nil
}

// permit gives the owner the permissions that adopting takes.
func permit(f *found, st *unix.Stat_t, want uint32) error {
	if st.Mode&want == want {
		return nil
	}
	if err := os.Chmod(f.path, fs.FileMode(st.Mode&0o777|want)); err != nil {
		return &Refused{Path: f.name, Problem: fmt.Sprintf("cannot be read: %v", cause(err))}
	}
	return nil
}

// takeFiles makes a blob of every file, on all cores.
func (a *adoption) takeFiles(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range a.files {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return a.take(f)
		})
	}
	return group.Wait()
}

func (a *adoption) take(f *found) error {
	var err error
	if f.node.Digest, err = a.s.hash.file(f.path); err != nil {
		return err
	}
	if err := a.s.files.seal(f.path, blobMode(f.node.Executable), a.s.now()); err != nil {
		return err
	}
	return a.s.share(f.path, f.node.Digest, f.node.Executable)
}

// share makes the sealed file at path and the blob d one inode: the blob that is
// there, else the file. Without hard links each keeps its own.
func (s *Store) share(path string, d digest.Digest, executable bool) error {
	blob := s.blobPath(d, executable)
	ok, err := s.present(d, executable)
	if err != nil {
		return err
	}
	if !ok {
		err = s.files.link(path, blob)
	}
	switch {
	case cannotLink(err), errors.Is(err, unix.EMLINK):
		return s.addCopy(path, d, executable)
	case err != nil && !errors.Is(err, fs.ErrExist):
		return err
	case !ok && err == nil:
		return nil
	}
	return s.exchange(path, blob)
}

// exchange replaces the file at path by a hard link to an equal blob. A blob with
// as many links as the file system allows is replaced by the file instead.
func (s *Store) exchange(path, blob string) error {
	same, err := sameInode(path, blob)
	if same || err != nil {
		return err
	}
	tmp := s.process.temp()
	from, to := blob, path
	err = s.files.link(from, tmp)
	if errors.Is(err, unix.EMLINK) {
		from, to = path, blob
		err = s.files.link(from, tmp)
	}
	if cannotLink(err) || errors.Is(err, unix.EMLINK) || errors.Is(err, fs.ErrNotExist) {
		return nil // two copies are as good as one
	}
	if err != nil {
		return err
	}
	if err := s.files.rename(tmp, to); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

// sameInode matters because rename(2) of one name of an inode onto another does
// nothing.
func sameInode(a, b string) (bool, error) {
	var x, y unix.Stat_t
	ok, err := lstat(a, &x)
	if !ok || err != nil {
		return false, err
	}
	ok, err = lstat(b, &y)
	return ok && x.Dev == y.Dev && x.Ino == y.Ino, err
}

// finish gives directories their digests, from the bottom, and moves the root in.
func (a *adoption) finish(ctx context.Context, root *found) (tree.Node, error) {
	switch root.node.Kind {
	case tree.Dir:
		if err := a.close(ctx, root); err != nil {
			return tree.Node{}, err
		}
		return root.node, a.moveIn(root)
	case tree.File, tree.Symlink:
		return root.node, os.Remove(root.path)
	}
	return root.node, nil
}

// close makes the Directory of everything below dir, and seals what the files'
// sealing has not.
func (a *adoption) close(ctx context.Context, dir *found) error {
	entries := make([]tree.Entry, 0, len(dir.below))
	for _, f := range dir.below {
		var err error
		switch f.node.Kind {
		case tree.Dir:
			err = a.close(ctx, f)
		case tree.Symlink:
			err = a.s.files.times(f.path, a.s.now(), Time)
		}
		if err != nil {
			return err
		}
		entries = append(entries, tree.Entry{Name: filepath.Base(f.path), Node: f.node})
	}
	d, err := tree.New(entries)
	if err != nil {
		return err
	}
	dir.node = d.Node()
	if err := a.s.trees.PutDirectory(ctx, d); err != nil {
		return err
	}
	return a.s.files.seal(dir.path, dirMode, a.s.now())
}

// moveIn makes the directory the materialised tree of its digest.
func (a *adoption) moveIn(root *found) error {
	c := a.s.checks.of(root.node.Digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	path := a.s.at("trees", root.node.Digest)
	err := a.s.files.rename(root.path, path)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return removeAll(root.path) // an equal tree is there; Path will look it through
	}
	c.done = err == nil
	return err
}
