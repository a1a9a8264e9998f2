package elf

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// checker goes through the files of a package, and keeps what is wrong and not
// excused.
type checker struct {
	call       action.Call
	want       Want
	flags      Flags
	hardening  Hardening
	buildPaths []string
	exceptions *Exceptions
	checked    int
	problems   []Problem
}

func newChecker(call action.Call, args arguments) (*checker, error) {
	want, err := ParseWant(args.Machine, args.Class, args.Data)
	if err != nil {
		return nil, err
	}
	exceptions, err := ParseExceptions(args.Exceptions)
	if err != nil {
		return nil, err
	}
	return &checker{
		call:       call,
		want:       want,
		flags:      ParseFlags(args.Flags),
		hardening:  Hardening{Relro: args.Relro, Now: args.Now, PIE: args.PIE},
		buildPaths: args.BuildPaths,
		exceptions: exceptions,
	}, nil
}

// tree calls visit with all files and symbolic links.
func (c *checker) tree(ctx context.Context, root tree.Node, visit func(context.Context, string, tree.Node) error) error {
	type file struct {
		path string
		node tree.Node
	}
	var files []file
	err := tree.Walk(ctx, c.call.Trees(), root, func(p string, n tree.Node) error {
		if n.Kind != tree.Dir {
			files = append(files, file{"/" + p, n})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := visit(ctx, f.path, f.node); err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
	}
	return nil
}

// shipped looks at one file or link that comes into images, SDKs and sysroots.
func (c *checker) shipped(ctx context.Context, p string, n tree.Node) error {
	c.checked++
	c.exceptions.See(p[1:])
	if path.Ext(p) == ".la" {
		c.report(Problem{p, "libtool's file: it leads builds to static libraries and to paths of other builds; delete it in post_install", PropertyLibtool})
	}
	if n.Kind == tree.Symlink {
		return c.paths(p, strings.NewReader(n.Target))
	}
	return c.open(ctx, n, func(b action.Blob) error {
		c.objects(p, b, c.object)
		return c.paths(p, io.NewSectionReader(b, 0, b.Size()))
	})
}

// compiled looks at one file as linkers left it.
func (c *checker) compiled(ctx context.Context, p string, n tree.Node) error {
	if n.Kind != tree.File {
		return nil
	}
	return c.open(ctx, n, func(b action.Blob) error {
		c.objects(p, b, func(p string, info *Info) {
			c.report(CheckCompiled(p, info, c.flags)...)
		})
		return nil
	})
}

func (c *checker) open(ctx context.Context, n tree.Node, use func(action.Blob) error) error {
	b, err := c.call.Open(ctx, n.Digest)
	if err != nil {
		return err
	}
	defer b.Close()
	return use(b)
}

// objects calls visit with the ELF file at p, or with those in a static library.
func (c *checker) objects(p string, b action.Blob, visit func(string, *Info)) {
	magic := make([]byte, len(archiveMagic))
	n, _ := b.ReadAt(magic, 0) // what cannot be read is an error of whoever reads all of it
	switch {
	case strings.HasPrefix(string(magic[:n]), elf.ELFMAG):
		info, err := Inspect(b)
		if err != nil {
			c.report(Problem{Path: p, Text: err.Error()})
			return
		}
		visit(p, info)
	case string(magic[:n]) == archiveMagic:
		members, err := Archive(b)
		if err != nil {
			c.report(Problem{Path: p, Text: err.Error()})
			return
		}
		for _, m := range members {
			visit(fmt.Sprintf("%s(%s)", p, m.Name), m.Info)
		}
	}
}

func (c *checker) object(p string, info *Info) {
	c.report(Check(p, info, c.want)...)
	c.report(CheckHardening(p, info, c.hardening)...)
	if info.Compiled.Recorded != nil {
		c.report(Problem{Path: p, Text: "still has a section " + recordedSection + ", which is for checks only"})
	}
}

// paths looks for paths of the build in all bytes of a file.
func (c *checker) paths(p string, r io.Reader) error {
	found, err := FindStrings(r, c.buildPaths)
	if err != nil {
		return err
	}
	for _, f := range found {
		text := fmt.Sprintf("holds %s, a path of the build that is not there on the machine, at byte %d: %q", f.Path, f.Offset, f.Text)
		c.report(Problem{p, text, PropertyPaths})
	}
	return nil
}

// report keeps each problem once: stripping leaves some as they are.
func (c *checker) report(problems ...Problem) {
	for _, p := range problems {
		excused := p.Property != "" && c.exceptions.Excuse(fileOf(p.Path), p.Property)
		if !excused && !slices.Contains(c.problems, p) {
			c.problems = append(c.problems, p)
		}
	}
}

// fileOf is the file of a tree in which something was found: a path without its
// leading slash, and without the member of a static library.
func fileOf(p string) string {
	if file, _, ok := strings.Cut(p, ".a("); ok {
		p = file + ".a"
	}
	return strings.TrimPrefix(p, "/")
}
