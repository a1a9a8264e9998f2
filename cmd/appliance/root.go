package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// newRoot is the grammar of the command line.
func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:               "appliance",
		Short:             "Turn Starlark files into bootable Linux appliances",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetGlobalNormalizationFunc(underscores)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{flagProblem(cmd, err)}
	})
	p.global.register(root.PersistentFlags())
	root.PersistentFlags().Var(&p.config, "config", "add the flags that rc files give as COMMAND:`NAME` (repeatable)")
	root.SetHelpCommand(newHelp())
	for _, c := range commands(p) {
		c.Args = usageArgs(c.Args)
		root.AddCommand(c)
	}
	return root
}

// commands are all commands, in the order of the help.
func commands(p *program) []*cobra.Command {
	return slices.Concat([]*cobra.Command{
		newBuild(p),
		newTest(p),
		newRun(p),
		newShell(p),
		newQuery(p),
		newClean(p),
		newGC(p),
		newInfo(p),
		newLock(p),
		newPasswd(p),
		newDoctor(p),
		newVersion(p),
		newCompletion(p),
	}, helpTopics())
}

// usageArgs makes a wrong number of arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef("%s: %w; usage: %s", cmd.CommandPath(), err, cmd.UseLine())
		}
		return nil
	}
}

func unknownCommand(root *cobra.Command, name string) error {
	var known []string
	for _, c := range root.Commands() {
		known = append(known, c.Name())
	}
	p := &diag.Problem{Subject: root.Name(), Text: fmt.Sprintf("no command %q", name)}
	p.Hint = "appliance help lists the commands"
	if near := label.Nearest(name, known); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &usageError{p}
}
