package elf

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Tool is "elfcheck": its output tree "tree" is its input directory "tree", if
// the programs in that are in order, and otherwise there is none. Arguments:
// elf_machine, elf_class and elf_data (names of elf.h, such as EM_PPC), and
// build_paths (a list of paths that must occur in no program, and in no file that
// others compile with, such as a .pc).
func Tool() action.Tool {
	return action.Tool{Name: "elfcheck", Version: 1, Run: run}
}

type arguments struct {
	Machine    string   `json:"elf_machine"`
	Class      string   `json:"elf_class"`
	Data       string   `json:"elf_data"`
	BuildPaths []string `json:"build_paths"`
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	want, err := ParseWant(args.Machine, args.Class, args.Data)
	if err != nil {
		return err
	}
	in := call.Inputs("tree")
	if len(in) != 1 || in[0].Node.Kind != tree.Dir {
		return errors.New(`input "tree": want one directory`)
	}
	c := checker{call: call, want: want, buildPaths: args.BuildPaths, dirs: map[string]bool{"/": true}}
	c.want.HasDir = func(dir string) bool { return c.dirs[dir] }
	if err := c.tree(ctx, in[0].Node); err != nil {
		return err
	}
	if len(c.problems) > 0 {
		return tooMany(c.problems)
	}
	call.Printf("%d ELF files and static libraries are in order", c.checked)
	return call.PutTree("tree", in[0].Node)
}

// checker goes through the files of a tree.
type checker struct {
	call       action.Call
	want       Want
	buildPaths []string
	dirs       map[string]bool // absolute paths of the tree's directories
	files      []file          // in order
	checked    int
	problems   []Problem
}

type file struct {
	path string
	node tree.Node
}

func (c *checker) tree(ctx context.Context, root tree.Node) error {
	err := tree.Walk(ctx, c.call.Trees(), root, func(p string, n tree.Node) error {
		switch n.Kind {
		case tree.Dir:
			c.dirs["/"+p] = true
		case tree.File:
			c.files = append(c.files, file{"/" + p, n})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range c.files {
		if err := c.file(ctx, f); err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
	}
	return nil
}

// file looks at one file. Only trouble with reading it is an error.
func (c *checker) file(ctx context.Context, f file) error {
	if f.node.Digest.Size() < int64(len(elf.ELFMAG)) {
		return nil
	}
	b, err := c.call.Open(ctx, f.node.Digest)
	if err != nil {
		return err
	}
	defer b.Close()
	magic := make([]byte, len(archiveMagic))
	if _, err := b.ReadAt(magic, 0); err != nil && err != io.EOF {
		return err
	}
	switch {
	case strings.HasPrefix(string(magic), elf.ELFMAG):
		return c.object(f.path, b)
	case string(magic) == archiveMagic:
		c.archive(f.path, b)
	case compilesWith(f.path):
		return c.strings(f.path, b)
	}
	return nil
}

func (c *checker) object(p string, b action.Blob) error {
	c.checked++
	info, err := Inspect(b)
	if err != nil {
		c.complain(p, err.Error())
		return nil
	}
	c.problems = append(c.problems, Check(p, info, c.want)...)
	if info.Type == elf.ET_REL || info.DebugOnly {
		return nil // debug information may name paths
	}
	return c.strings(p, b)
}

func (c *checker) archive(p string, b action.Blob) {
	c.checked++
	members, err := Archive(b)
	if err != nil {
		c.complain(p, err.Error())
		return
	}
	for _, m := range members {
		c.problems = append(c.problems, Check(fmt.Sprintf("%s(%s)", p, m.Name), m.Info, c.want)...)
	}
}

// compilesWith reports whether a text at p tells compilers and linkers paths.
func compilesWith(p string) bool {
	switch path.Ext(p) {
	case ".pc", ".la", ".cmake", ".prl":
		return true
	}
	return strings.HasSuffix(p, "-config") && strings.HasPrefix(p, "/usr/bin/")
}

func (c *checker) strings(p string, b action.Blob) error {
	found, err := FindStrings(io.NewSectionReader(b, 0, b.Size()), c.buildPaths)
	if err != nil {
		return err
	}
	for _, f := range found {
		c.complain(p, fmt.Sprintf("holds %s, a path of the build that is not there on the machine, at byte %d: %q", f.Path, f.Offset, f.Text))
	}
	return nil
}

func (c *checker) complain(p, text string) { c.problems = append(c.problems, Problem{p, text}) }

// maxShown is how many problems an error lists.
const maxShown = 20

func tooMany(problems []Problem) error {
	var lines []string
	for _, p := range problems[:min(len(problems), maxShown)] {
		lines = append(lines, p.String())
	}
	if more := len(problems) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}
