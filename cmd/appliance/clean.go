package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/output"
)

const cleanLong = `Remove the links below the output directory.

This is for tidiness only: a build never depends on what is there. With --expunge
the cache goes too, and the next build does everything anew.`

// cleanFlags say what goes.
type cleanFlags struct {
	output  string
	expunge bool
}

func newClean(p *program) *cobra.Command {
	var flags cleanFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove the links to what was built",
		Long:  cleanLong,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.clean(flags)
		},
	}
	registerOutput(cmd.Flags(), &flags.output)
	cmd.Flags().BoolVar(&flags.expunge, "expunge", false, "remove the cache, too")
	return cmd
}

func (p *program) clean(flags cleanFlags) error {
	if flags.expunge {
		if err := p.expunge(); err != nil {
			return err
		}
	}
	w, err := p.findPlace()
	if err != nil && flags.expunge {
		return nil // the cache is not a workspace's
	}
	if err != nil {
		return err
	}
	left, err := output.At(w.output(flags.output)).Clean()
	if err == nil && left > 0 {
		fmt.Fprintf(p.stderr, "kept in %s: %d files that are no links\n", flags.output, left)
	}
	return err
}

// storeMark is what the first line of a cache's file "version" begins with.
const storeMark = "appliance store "

// expunge removes the cache. Whoever uses it at this moment loses time and nothing
// else.
func (p *program) expunge() error {
	dir, err := p.cacheDir()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "version"))
	if _, there := os.Lstat(dir); errors.Is(there, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !strings.HasPrefix(string(text), storeMark) {
		return &diag.Problem{
			Subject: dir,
			Text:    "this does not look like a cache of appliance, so it is left alone",
			Notes:   []string{fmt.Sprintf("want a file version that begins with %q", storeMark)},
		}
	}
	return removeReadOnly(dir)
}

// removeReadOnly is os.RemoveAll for directories without permission to write,
// such as those of trees in the cache.
func removeReadOnly(dir string) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}
