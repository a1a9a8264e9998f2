package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/rules"
)

const shellLong = `Open a shell in which software is compiled by hand for an appliance.

LABEL is an appliance (its root file system) or a package; without it the shell is for the platform of
--platforms or of the workspace. In the shell are its cross compiler, in the PATH and as CC, CFLAGS and so on; make,
pkg-config and a compiler for this machine; the headers and libraries of all its packages in /sysroot; and the
current directory, as /work. All that is written there stays. DESTDIR is /work/destdir, which an overlay can bring
into an image.

A command after -- is run instead of the shell. The exit code is that of the shell or the command.

If LABEL or LABEL.shell is a target that can be run, such as a development_shell, that is what runs.`

func newShell(p *program) *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:   "shell [LABEL] [-- COMMAND [ARGUMENT...]]",
		Short: "Compile by hand for an appliance, in a shell with its compiler and libraries",
		Long:  shellLong,

		ValidArgsFunction: p.completeLabels,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			labels, command := args, []string(nil)
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				labels, command = args[:n], args[n:]
			}
			if len(labels) > 1 {
				return usagef("%s: got %q after the label; a command stands after --", cmd.CommandPath(), labels[1])
			}
			find := func(ctx context.Context, s *session) (*load.Target, []analyze.Override, error) {
				return findShell(ctx, s, labels)
			}
			return p.launchTarget(cmd.Context(), &flags, find, lending{args: command})
		},
	}
	flags.registerWork(cmd.Flags())
	return cmd
}

// shellSuffix ends the name of the shell of the target without it.
const shellSuffix = ".shell"

// shellSubject is the attribute of the shell of @rules that says what it is for.
const shellSubject = "subject"

// findShell is the shell that a person means who names a target, or nothing: its own
// if it has one, else that of @rules for it.
func findShell(ctx context.Context, s *session, labels []string) (*load.Target, []analyze.Override, error) {
	common, err := label.Parse(rules.Shell, label.Label{})
	if err != nil {
		return nil, nil, err
	}
	shell, err := s.engine.Loader.Target(ctx, common)
	if err != nil {
		return nil, nil, err
	}
	if len(labels) == 0 {
		return shell, nil, s.wantPlatform(ctx)
	}
	wanted, err := s.at.label(labels[0])
	if err != nil {
		return nil, nil, err
	}
	found, subject, err := ownProgram(ctx, s.engine.Loader, wanted, shellSuffix)
	if found != nil || err != nil {
		return found, nil, err
	}
	return shell, []analyze.Override{{Target: common, Attr: shellSubject, Value: subject.Label(), By: "appliance shell"}}, nil
}

// wantPlatform refuses to choose one for the person.
func (s *session) wantPlatform(ctx context.Context) error {
	settings, err := s.engine.Loader.Settings(ctx)
	if err != nil || !settings.DefaultPlatform.IsZero() || !s.engine.Analysis.TargetPlatform.IsZero() {
		return err
	}
	return &usageError{fmt.Errorf("no target to compile for: name one, or say --platforms LABEL")}
}
