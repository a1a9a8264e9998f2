package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// inherits says whose lines of an rc file a command takes too; those of the
// command itself come later and win. test and run are Bazel's.
var inherits = map[string]string{
	"test":  "build",
	"run":   "build",
	"query": "build",
	"info":  "build",
	"lock":  "build",
}

// Lines with these names are for every command. Of a common line, a command takes
// the flags that it has; an always line must fit all.
const (
	rcAlways = "always"
	rcCommon = "common"
)

// withoutRC are commands that work however broken the rc files are.
var withoutRC = []string{"appliance", "help", "version", "completion", "passwd", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}

// applyRC sets the flags of the command that args name from rc files. The command
// line, which is read later, wins.
func (p *program) applyRC(root *cobra.Command, args []string, startup globalFlags) error {
	cmd, _, err := root.Find(args)
	if err != nil || slices.Contains(withoutRC, cmd.Name()) {
		return nil
	}
	// Outside of a workspace there is no such file; the command complains if it
	// needs one.
	dir, _ := workspace.Find(p.dir)
	lines, err := p.readRC(dir, startup)
	if err == nil {
		err = checkCommands(lines, root)
	}
	if err != nil {
		return &usageError{err}
	}
	e := &expansion{root: root, cmd: cmd, names: lineNames(cmd.Name()), lines: lines}
	p.config.expand = e.config
	if err := e.apply(""); err != nil {
		return &usageError{err}
	}
	return nil
}

// lineNames are the names of lines that a command takes, the least specific
// first: the order in which they count, whatever their order in the files.
func lineNames(command string) []string {
	names := []string{command}
	for parent := inherits[command]; parent != ""; parent = inherits[parent] {
		names = append(names, parent)
	}
	names = append(names, rcCommon, rcAlways)
	slices.Reverse(names)
	return names
}

// checkCommands refuses lines that no command will ever take.
func checkCommands(lines []rcLine, root *cobra.Command) error {
	known := []string{rcAlways, rcCommon, "import", "try-import"}
	for child, parent := range inherits {
		known = append(known, child, parent)
	}
	for _, c := range root.Commands() {
		known = append(known, c.Name())
	}
	slices.Sort(known)
	var problems diag.List
	for _, line := range lines {
		if slices.Contains(known, line.command) {
			continue
		}
		p := diag.Errorf(line.position, "", "unknown command %q", line.command)
		if near := label.Nearest(line.command, known); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		problems.Add(p)
	}
	return problems.Err()
}

// expansion sets the flags of one command from the lines of rc files.
type expansion struct {
	root  *cobra.Command
	cmd   *cobra.Command
	names []string // of lines that count, in order
	lines []rcLine
	stack []string // configs being expanded, outermost first
}

// config expands --config=name in place.
func (e *expansion) config(name string) error {
	if slices.Contains(e.stack, name) {
		return diag.Errorf(diag.Position{}, "--config="+name, "cycle: %s", strings.Join(append(e.stack, name), " -> "))
	}
	known := map[string]bool{}
	for _, line := range e.lines {
		known[line.config] = true
	}
	if name == "" || !known[name] {
		delete(known, "")
		return unknownConfig(name, slices.Sorted(maps.Keys(known)))
	}
	e.stack = append(e.stack, name)
	defer func() { e.stack = e.stack[:len(e.stack)-1] }()
	return e.apply(name)
}

func unknownConfig(name string, known []string) error {
	p := diag.Errorf(diag.Position{}, "--config="+name, "no rc file defines it")
	if len(known) == 0 {
		p.Notes = []string{"no rc file defines any config"}
		return p
	}
	p.Notes = []string{"defined are " + strings.Join(known, ", ")}
	if near := label.Nearest(name, known); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return p
}

// apply takes the lines of a config, "" for those without one.
func (e *expansion) apply(config string) error {
	for _, name := range e.names {
		for _, line := range e.lines {
			if line.command != name || line.config != config {
				continue
			}
			if err := e.set(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// set parses a line's words into the command's flags.
func (e *expansion) set(line rcLine) error {
	for words := line.words; len(words) > 0; {
		option, rest, err := e.nextOption(words)
		if err != nil {
			return located(line, err)
		}
		words = rest
		if option == nil {
			continue
		}
		if option.flag == nil && (line.command == e.cmd.Name() || line.command == rcAlways) {
			return located(line, unknownFlag(e.cmd, option.name))
		}
		if option.flag == nil {
			continue // for another command
		}
		if err := e.parse(option.words); err != nil {
			return located(line, flagProblem(e.cmd, err))
		}
	}
	return nil
}

// parse uses a flag set of its own: pflag forgets the arguments of a set that is
// parsed again, and --config is set while the command line is parsed.
func (e *expansion) parse(words []string) error {
	shadow := pflag.NewFlagSet("", pflag.ContinueOnError)
	shadow.SetNormalizeFunc(underscores)
	shadow.AddFlagSet(e.cmd.Flags())
	shadow.AddFlagSet(e.cmd.InheritedFlags())
	return shadow.Parse(words)
}

// option is a flag in an rc line.
type option struct {
	name  string      // as written, with its dashes
	flag  *pflag.Flag // nil if another command has it, not this one
	words []string    // the flag and its value
}

// nextOption splits off the first flag and its value.
func (e *expansion) nextOption(words []string) (*option, []string, error) {
	word := words[0]
	name, _, hasValue := strings.Cut(word, "=")
	if len(name) < 2 || name[0] != '-' || name == "--" {
		return nil, nil, fmt.Errorf("got %q, want a flag", word)
	}
	o := &option{name: name, flag: findFlag(e.cmd, name)}
	flag := o.flag
	for _, c := range e.root.Commands() {
		if flag == nil {
			flag = findFlag(c, name)
		}
	}
	if flag == nil {
		return nil, nil, unknownFlag(e.cmd, name)
	}
	if slices.Contains(startupFlags, flag.Name) {
		return nil, nil, fmt.Errorf("%s may stand on the command line only: it decides which rc files are read", name)
	}
	n := 1
	if !hasValue && flag.NoOptDefVal == "" && len(words) > 1 && (word[1] == '-' || len(word) == 2) {
		n = 2
	}
	o.words = words[:n]
	return o, words[n:], nil
}

// findFlag looks up "--name" or the first letter of "-abc".
func findFlag(cmd *cobra.Command, name string) *pflag.Flag {
	for _, fs := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
		long, ok := strings.CutPrefix(name, "--")
		if ok {
			if f := fs.Lookup(long); f != nil {
				return f
			}
			continue
		}
		if f := fs.ShorthandLookup(name[1:2]); f != nil {
			return f
		}
	}
	return nil
}

// located adds the place of a line to an error about it. An error that has a place
// keeps it: that of the innermost line.
func located(line rcLine, err error) error {
	var p *diag.Problem
	if !errors.As(err, &p) {
		return diag.Errorf(line.position, "", "%w", err)
	}
	if p.Position != (diag.Position{}) {
		return p
	}
	at := *p
	at.Position = line.position
	return &at
}

// configFlag is --config: setting it sets other flags.
type configFlag struct {
	ignore bool
	expand func(name string) error // nil where no rc file is read
	names  []string
}

func (c *configFlag) Set(name string) error {
	c.names = append(c.names, name)
	if c.ignore {
		return nil
	}
	if c.expand == nil {
		return fmt.Errorf("this command reads no rc files")
	}
	return c.expand(name)
}

func (c *configFlag) String() string { return strings.Join(c.names, ",") }
func (c *configFlag) Type() string   { return "string" }
