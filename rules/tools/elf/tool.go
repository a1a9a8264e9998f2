package elf

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Tool is "elfcheck": its output tree "tree" is its input directory "tree", if
// all files of a package in it are in order, and otherwise there is none.
//
// The directory "compiled", if there is one, is the same before programs were
// stripped: what is in it tells how they were compiled.
func Tool() action.Tool {
	return action.Tool{Name: "elfcheck", Version: 2, Run: run}
}

type arguments struct {
	Machine string `json:"elf_machine"` // names of elf.h, such as EM_PPC
	Class   string `json:"elf_class"`
	Data    string `json:"elf_data"`

	Flags []string `json:"flags"` // that all is compiled with, in order
	Relro bool     `json:"relro"`
	Now   bool     `json:"now"`
	PIE   bool     `json:"pie"`

	BuildPaths []string          `json:"build_paths"` // must occur in no file
	Exceptions map[string]string `json:"exceptions"`  // ParseExceptions; nil if none can be declared
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	c, err := newChecker(call, args)
	if err != nil {
		return err
	}
	shipped := call.Inputs("tree")
	if len(shipped) != 1 || shipped[0].Node.Kind != tree.Dir {
		return errors.New(`input "tree": want one directory`)
	}
	if err := c.tree(ctx, shipped[0].Node, c.shipped); err != nil {
		return err
	}
	for _, in := range call.Inputs("compiled") {
		if err := c.tree(ctx, in.Node, c.compiled); err != nil {
			return err
		}
	}
	if err := c.verdict(args.Exceptions != nil); err != nil {
		return err
	}
	call.Printf("%d files are in order", c.checked)
	return call.PutTree("tree", shipped[0].Node)
}

// maxShown is how many problems an error lists.
const maxShown = 20

// verdict is all problems as one error, which says how to declare an exception if
// one can be declared.
func (c *checker) verdict(declarable bool) error {
	var lines []string
	for _, p := range c.problems[:min(len(c.problems), maxShown)] {
		lines = append(lines, p.String())
	}
	if more := len(c.problems) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	for _, p := range c.problems {
		if declarable && p.Property != "" {
			lines = append(lines, fmt.Sprintf("what has to be as it is can be declared: check_exceptions = {%q: \"%s: REASON\"}", fileOf(p.Path), p.Property))
			break
		}
	}
	for _, pattern := range c.exceptions.Useless() {
		lines = append(lines, fmt.Sprintf("check_exceptions: %q matches no file", pattern))
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}
