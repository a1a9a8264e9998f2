package workspace

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Assembled is a repository that lies nowhere: a build file, and directories from
// anywhere on this host.
type Assembled struct {
	BuildFile string            // its text; there is no other build file, in no directory
	Dirs      map[string]string // absolute paths by the names of the directories in the root
}

// AddAssembled makes a known as repository name. Files in its directories are shown
// by their paths on the host.
func (w *Workspace) AddAssembled(name string, a Assembled) error {
	if w.HasRepo(name) {
		return fmt.Errorf("there is a repository @%s already", name)
	}
	w.repos[name] = repo{assembly{a}, "", "@" + name + "//"}
	return nil
}

// assembly is the files of an Assembled. Its root cannot be listed.
type assembly struct{ Assembled }

var (
	_ fs.StatFS     = assembly{}
	_ fs.ReadDirFS  = assembly{}
	_ fs.ReadLinkFS = assembly{}
)

// locate is the directory that a path lies in, and what is left of the path.
func (a assembly) locate(p string) (dir, rest string, ok bool) {
	name, rest, below := strings.Cut(p, "/")
	dir, ok = a.Dirs[name]
	if !below {
		rest = "."
	}
	return dir, rest, ok
}

// directory is locate for an operation on files.
func (a assembly) directory(op, p string) (files fs.FS, rest string, err error) {
	dir, rest, ok := a.locate(p)
	if !ok {
		return nil, "", &fs.PathError{Op: op, Path: p, Err: fs.ErrNotExist}
	}
	return os.DirFS(dir), rest, nil
}

func (a assembly) Open(p string) (fs.File, error) {
	if p == BuildFile {
		return text{strings.NewReader(a.BuildFile)}, nil
	}
	files, rest, err := a.directory("open", p)
	if err != nil {
		return nil, err
	}
	return files.Open(rest)
}

func (a assembly) Stat(p string) (fs.FileInfo, error) {
	if p == BuildFile {
		return text{strings.NewReader(a.BuildFile)}, nil
	}
	files, rest, err := a.directory("stat", p)
	if err != nil {
		return nil, err
	}
	return fs.Stat(files, rest)
}

func (a assembly) ReadDir(p string) ([]fs.DirEntry, error) {
	files, rest, err := a.directory("readdir", p)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(files, rest)
}

func (a assembly) ReadLink(p string) (string, error) {
	files, rest, err := a.directory("readlink", p)
	if err != nil {
		return "", err
	}
	return fs.ReadLink(files, rest)
}

func (a assembly) Lstat(p string) (fs.FileInfo, error) {
	files, rest, err := a.directory("lstat", p)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(files, rest)
}

// text is a build file that is in memory, and what is known of it.
type text struct{ *strings.Reader }

func (t text) Stat() (fs.FileInfo, error) { return t, nil }
func (t text) Close() error               { return nil }
func (t text) Name() string               { return BuildFile }
func (t text) Mode() fs.FileMode          { return 0o444 }
func (t text) ModTime() time.Time         { return time.Time{} }
func (t text) IsDir() bool                { return false }
func (t text) Sys() any                   { return nil }
