package main

import (
	"github.com/spf13/cobra"
)

const completionLong = `Print a script that makes your shell complete commands, flags and labels.

  bash:  appliance completion bash > ~/.local/share/bash-completion/completions/appliance
  zsh:   appliance completion zsh > "${fpath[1]}/_appliance"
  fish:  appliance completion fish > ~/.config/fish/completions/appliance.fish`

func newCompletion(p *program) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print a completion script for a shell",
		Long:      completionLong,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			default:
				return root.GenFishCompletion(p.stdout, true)
			}
		},
	}
}
