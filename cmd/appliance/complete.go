package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
)

// completeLabels completes the last label in an argument: build directories until
// there is a colon, targets after it. Trouble completes to nothing.
func (p *program) completeLabels(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	const done = cobra.ShellCompDirectiveNoFileComp
	w, err := p.findPlace()
	if err != nil {
		return nil, done
	}
	reading, err := p.openLoader(w, &buildFlags{}, event.Discard)
	if err != nil {
		return nil, done
	}
	defer reading.Close()
	reading.cacheOnly = true // nobody waits for a download while typing
	c := completer{cmd, reading.loader, w.base}
	typed = strings.TrimPrefix(typed, protected)
	// In a query the label follows a bracket, a comma or a blank; a pattern may have a
	// minus before it.
	start := strings.LastIndexAny(typed, "( ,") + 1
	if start == 0 && strings.HasPrefix(typed, "-") {
		start = 1
	}
	before, word := typed[:start], typed[start:]
	var list []string
	for _, s := range c.word(word) {
		list = append(list, before+s)
	}
	return list, done | cobra.ShellCompDirectiveNoSpace
}

// completer knows what there is to complete to.
type completer struct {
	cmd    *cobra.Command
	loader *load.Loader
	base   label.Label
}

func (c completer) word(word string) []string {
	if _, err := c.loader.Settings(c.cmd.Context()); err != nil {
		return nil
	}
	if dir, _, ok := strings.Cut(word, ":"); ok {
		return c.targets(dir)
	}
	repo := ""
	if name, _, ok := strings.Cut(word, "//"); ok {
		repo = strings.TrimPrefix(name, "@")
	}
	return c.directories(repo)
}

// directories are the build directories of a repository: "//a:", "//a/b:".
func (c completer) directories(repo string) []string {
	dirs, err := c.loader.Workspace().BuildDirectories(c.cmd.Context(), repo, "")
	if err != nil {
		return nil
	}
	var list []string
	for _, dir := range dirs {
		if l, err := label.New(repo, dir, "all"); err == nil {
			list = append(list, l.Directory()+":")
		}
	}
	return list
}

// targets are those of a build directory, as it was typed.
func (c completer) targets(dir string) []string {
	p, err := label.ParsePattern(dir+":all", c.base)
	if err != nil {
		return nil
	}
	d, err := c.loader.Directory(c.cmd.Context(), p.Root())
	if err != nil {
		return nil
	}
	// What loads is offered even if the rest of the file is wrong.
	targets, _ := d.Targets()
	var list []string
	for _, t := range targets {
		list = append(list, dir+":"+t.Label().Name())
	}
	return list
}
