package main

import "github.com/spf13/cobra"

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND or TOPIC]",
		Short: "Explain a command or a topic",
		Args:  cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range cmd.Root().Commands() {
				names = append(names, c.Name())
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(cmd.Root(), rest[0])
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// helpTopics are pages that "appliance help NAME" shows: commands that cannot be
// run.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit code says", Long: helpExitCodes},
		{Use: "patterns", Short: "How to name targets", Long: helpPatterns},
		{Use: "rc", Short: "Flags in .appliancerc", Long: helpRC},
	}
}

const helpExitCodes = `The exit code tells a script what has to change. The numbers are Bazel's.

   0  success
   1  the build failed: a Starlark file is wrong, or a command failed
   2  the command line, an rc file or an environment variable is wrong
   3  the build is fine and some tests failed
   4  the build is fine and there are no tests, though tests were asked for
   7  the query failed
   8  interrupted by a signal
  36  trouble with this machine: disk, network, permissions, namespaces
  37  a bug in appliance`

const helpPatterns = `A pattern names a set of targets:

  //dir:name         the target name of the build directory dir
  //dir              the target of dir that is called like dir itself
  //dir:all          all targets of dir; also //dir:*
  //dir/...          all targets of dir and of all build directories below
  //...              all targets of the workspace
  @repo//dir:name    the same in a layer, or in the rules: @rules//…
  :name, sub/...     relative to the build directory that you are in
  -//dir/...         not these; patterns count from left to right

A pattern such as -sub/..., which looks like a flag, stands after "--".`

const helpRC = `Flags that you always give can stand in .appliancerc, in your home directory or in
the root of the workspace. The grammar is that of .bazelrc:

  # Comments, 'quotes', "quotes", \escapes and lines continued with a backslash.
  build --jobs=8
  build:ci --keep_going --ui=plain   # with --config=ci
  common --color=no                  # all commands that know the flag
  always --cache=/big/cache          # all commands
  import %workspace%/team.rc         # relative paths start at this file
  try-import %workspace%/user.rc     # may be missing

Lines for build also serve the commands test, run, query, info and lock, as far as
they know the flags. Where two lines set one flag the line for the more specific
command wins, then the later one. The home directory's file comes first, then the
workspace's, then those of --rc; the command line wins. --norc reads none but
those of --rc.`
