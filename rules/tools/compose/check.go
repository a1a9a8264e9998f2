package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// volatile are directories whose content exists on the running machine only:
// links into them are not dangling.
var volatile = []string{"dev", "proc", "run", "sys", "tmp"}

// check looks for what would fail on the running machine. Only trouble with
// reading is an error; what is wrong with the file system is a problem.
func (r *root) check(ctx context.Context, a arguments, open opener) error {
	for _, p := range r.paths() {
		if in := r.inodes[p]; in.entry.Type == manifest.Symlink && !matchesAny(a.Skip.Dangling, in) {
			r.checkLink(in)
		}
	}
	programs := newPrograms(r, a.Machine, a.Skip)
	for _, p := range r.paths() {
		in := r.inodes[p]
		if in.entry.Type != manifest.File || in.node.Digest.IsZero() || in.node.Digest.Size() < 4 {
			continue
		}
		if err := r.checkFile(ctx, in, programs, open); err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
	}
	programs.resolve()
	return nil
}

func (r *root) checkLink(in *inode) {
	dir := path.Dir(in.entry.Path)
	if dir == "." {
		dir = ""
	}
	_, at, ok := r.resolve(dir, in.entry.Target)
	if ok || isVolatile(at) {
		return
	}
	r.complain(in.entry.Path, "the symbolic link of %s points to %s, and there is no /%s", in.entry.Origin, in.entry.Target, at)
}

func isVolatile(p string) bool {
	top, _, _ := strings.Cut(p, "/")
	for _, v := range volatile {
		if top == v {
			return true
		}
	}
	return false
}

// generated files are small, known and no programs: they have no blob yet.
func (r *root) checkFile(ctx context.Context, in *inode, programs *programs, open opener) error {
	if in.generated {
		return nil
	}
	f, err := open(ctx, in.node.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return programs.look(in, f)
	case bytes.HasPrefix(head, []byte("#!")) && in.entry.Mode&0o111 != 0:
		r.checkScript(in, head)
	case bytes.HasPrefix(head, []byte("-----BEGIN ")) && bytes.Contains(head, []byte("PRIVATE KEY-----")) && in.entry.Mode&0o077 != 0:
		r.complain(in.entry.Path, "the private key of %s has mode %04o: everybody on the machine can read it; declare 0600", in.entry.Origin, in.entry.Mode)
	}
	return nil
}

// checkScript finds the interpreter of a script (execve(2), "Interpreter
// scripts").
func (r *root) checkScript(in *inode, head []byte) {
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) == 0 {
		return
	}
	n, at, ok := r.resolve("", fields[0])
	switch {
	case isVolatile(at):
	case !ok:
		r.complain(in.entry.Path, "the script of %s wants %s, and there is no /%s", in.entry.Origin, fields[0], at)
	case n.entry.Mode&0o111 == 0:
		r.complain(in.entry.Path, "the script of %s wants %s, and /%s is not executable", in.entry.Origin, fields[0], at)
	}
}
