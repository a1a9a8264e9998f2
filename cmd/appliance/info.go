package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/engine/store/disk"
)

const infoLong = `Print what a build here would use. With a KEY only the value of that is printed.`

func newInfo(p *program) *cobra.Command {
	var flags buildFlags
	cmd := &cobra.Command{
		Use:               "info [KEY]",
		Short:             "Print paths, settings and versions",
		Long:              infoLong,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(infoNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return p.info(cmd.Context(), &flags, args)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

// infoKey is a thing that can be asked.
type infoKey struct {
	name  string
	value func(ctx context.Context, p *program, flags *buildFlags) (string, error)
}

// infoKeys are all of them, in the order of printing.
var infoKeys = []infoKey{
	{"workspace", infoWorkspace},
	{"output", infoOutput},
	{"cache", func(_ context.Context, p *program, _ *buildFlags) (string, error) { return p.cacheDir() }},
	{"use", infoUse},
	{"jobs", func(_ context.Context, _ *program, flags *buildFlags) (string, error) {
		return fmt.Sprint(flags.jobCount()), nil
	}},
	{"mirrors", infoMirrors},
	{"distdirs", func(_ context.Context, p *program, flags *buildFlags) (string, error) {
		return strings.Join(p.paths(flags.distdir), " "), nil
	}},
	{"sandbox", infoSandbox},
	{"version", func(context.Context, *program, *buildFlags) (string, error) { return version(), nil }},
	{"go", func(context.Context, *program, *buildFlags) (string, error) { return runtime.Version(), nil }},
}

func infoNames() []string {
	var names []string
	for _, k := range infoKeys {
		names = append(names, k.name)
	}
	return names
}

func (p *program) info(ctx context.Context, flags *buildFlags, args []string) error {
	if len(args) == 1 {
		return p.infoOne(ctx, flags, args[0])
	}
	for _, k := range infoKeys {
		value, err := k.value(ctx, p, flags)
		if err != nil {
			value = "none: " + err.Error()
		}
		fmt.Fprintf(p.stdout, "%s: %s\n", k.name, cmp.Or(value, "none"))
	}
	return nil
}

func (p *program) infoOne(ctx context.Context, flags *buildFlags, name string) error {
	i := slices.IndexFunc(infoKeys, func(k infoKey) bool { return k.name == name })
	if i < 0 {
		problem := &diag.Problem{Subject: "info", Text: fmt.Sprintf("no key %q", name), Notes: []string{"keys are " + strings.Join(infoNames(), ", ")}}
		if near := label.Nearest(name, infoNames()); near != "" {
			problem.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		return &usageError{problem}
	}
	value, err := infoKeys[i].value(ctx, p, flags)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, value)
	return err
}

func infoWorkspace(_ context.Context, p *program, _ *buildFlags) (string, error) {
	w, err := p.findPlace()
	return w.root, err
}

func infoOutput(_ context.Context, p *program, flags *buildFlags) (string, error) {
	w, err := p.findPlace()
	if err != nil {
		return "", err
	}
	return w.output(flags.output), nil
}

func infoMirrors(_ context.Context, p *program, flags *buildFlags) (string, error) {
	bases, err := p.mirrorBases(&flags.mirrorFlags, nil)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		for _, url := range bases[name] {
			list = append(list, name+"="+url)
		}
	}
	return strings.Join(list, " "), err
}

// infoUse does not make a cache where there is none.
func infoUse(ctx context.Context, p *program, _ *buildFlags) (value string, err error) {
	dir, err := p.cacheDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	err = p.withStore(func(store *disk.Store) error {
		u, err := store.Stat(ctx)
		value = fmt.Sprintf("%s in %d blobs, %d trees, %d results; %s free",
			byteSize(u.Bytes), u.Blobs, u.Trees, u.Results, byteSize(u.Free))
		return err
	})
	return value, err
}

func infoSandbox(ctx context.Context, p *program, _ *buildFlags) (value string, err error) {
	err = p.withStore(func(store *disk.Store) error {
		scratch, remove, err := store.Scratch(ctx)
		if err != nil {
			return err
		}
		defer remove()
		value = "works"
		if problems := sandbox.Check(ctx, scratch); len(problems) > 0 {
			value = "does not work: " + problems[0].String()
		}
		return nil
	})
	return value, err
}
