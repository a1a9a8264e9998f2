package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// globalFlags are understood by every command.
type globalFlags struct {
	cache     string
	directory string
	color     string
	ui        string
	rc        []string
	noRC      bool
}

// startupFlags decide which rc files are read, and thus cannot stand in one.
var startupFlags = []string{"directory", "rc", "norc"}

func (g *globalFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&g.cache, "cache", "", "keep the cache in `DIR` (default: APPLIANCE_CACHE, or appliance in XDG_CACHE_HOME or ~/.cache)")
	fs.StringVarP(&g.directory, "directory", "C", "", "work as if started in `DIR`")
	fs.Var(&choice{&g.color, []string{"auto", "yes", "no"}}, "color", "colours in messages: `auto|yes|no`")
	fs.Var(&choice{&g.ui, []string{"auto", "terminal", "plain"}}, "ui", "show progress as a live block or as lines: `auto|terminal|plain`")
	fs.StringArrayVar(&g.rc, "rc", nil, "read rc `FILE` after those of the home directory and the workspace (repeatable)")
	fs.BoolVar(&g.noRC, "norc", false, "read no rc file but those of --rc")
}

// mirrorFlags say where downloads come from.
type mirrorFlags struct {
	mirrors []string
	distdir []string
}

func (m *mirrorFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&m.mirrors, "mirror", nil, "read mirror://NAME/… from URL: `NAME=URL` (repeatable)")
	fs.StringArrayVar(&m.distdir, "distdir", nil, "look for downloads in `DIR` first (repeatable)")
}

// bases are the mirrors' URLs by name: those of flags, then those of the
// environment. The host's own configuration is asked by whoever misses one.
func (m *mirrorFlags) bases(env environment) (map[string]string, error) {
	bases := env.mirrors()
	for _, s := range m.mirrors {
		name, url, ok := strings.Cut(s, "=")
		if !ok || name == "" || !strings.Contains(url, "://") {
			return nil, usagef("--mirror %s: want NAME=URL", s)
		}
		bases[name] = strings.TrimRight(url, "/")
	}
	return bases, nil
}

// buildFlags are shared by all commands that build.
type buildFlags struct {
	mirrorFlags
	sourceFlags
	jobs            int
	keepGoing       bool
	platforms       string
	noBuild         bool
	subcommands     bool
	verboseFailures bool
	timeoutS        int
	eventFile       string
	output          string
	tests           testFlags // of the command test alone
}

func (b *buildFlags) register(fs *pflag.FlagSet) {
	b.registerWork(fs)
	registerOutput(fs, &b.output)
}

// registerWork is for a command that makes no links.
func (b *buildFlags) registerWork(fs *pflag.FlagSet) {
	b.output = defaultOutput
	b.mirrorFlags.register(fs)
	b.sourceFlags.register(fs)
	fs.IntVarP(&b.jobs, "jobs", "j", 0, "run at most `N` jobs at once (default: as many as there are processors)")
	fs.BoolVarP(&b.keepGoing, "keep_going", "k", false, "after a failure, build what does not depend on it")
	fs.StringVar(&b.platforms, "platforms", "", "build for the platform `LABEL`")
	fs.BoolVarP(&b.noBuild, "nobuild", "n", false, "load and analyze, run nothing")
	fs.BoolVarP(&b.subcommands, "subcommands", "s", false, "print each command that is run")
	fs.BoolVar(&b.verboseFailures, "verbose_failures", false, "print the whole command of an action that fails")
	fs.IntVar(&b.timeoutS, "timeout_s", 3600, "end an action after `SECONDS` where its rule sets no limit; 0 is never")
	fs.StringVar(&b.eventFile, "build_event_json_file", "", "write what happens to `FILE`, for programs: one JSON object a line")
}

// defaultOutput is where links are made, relative to the workspace.
const defaultOutput = "out"

func registerOutput(fs *pflag.FlagSet, output *string) {
	fs.StringVar(output, "output", defaultOutput, "link what was built below `DIR` of the workspace")
}

// check refuses values that no build can use.
func (b *buildFlags) check() error {
	switch {
	case b.jobs < 0:
		return usagef("--jobs %d: want at least 1", b.jobs)
	case b.timeoutS < 0:
		return usagef("--timeout_s %d: want at least 0", b.timeoutS)
	case b.output == "":
		return usagef("--output: empty")
	}
	return nil
}

// jobCount is --jobs or its default.
func (b *buildFlags) jobCount() int {
	if b.jobs == 0 {
		return runtime.NumCPU()
	}
	return b.jobs
}

func (b *buildFlags) timeout() time.Duration { return time.Duration(b.timeoutS) * time.Second }

// choice is a flag with a closed set of values, of which the first is the
// default.
type choice struct {
	value   *string
	choices []string
}

func (c *choice) Set(s string) error {
	if !slices.Contains(c.choices, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.choices, ", "))
	}
	*c.value = s
	return nil
}

func (c *choice) String() string {
	if c.value == nil || *c.value == "" {
		return ""
	}
	return *c.value
}

func (c *choice) Type() string { return "string" }

// underscores makes --keep-going and --keep_going one flag. Bazel's spelling is
// the name.
func underscores(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// path is where a file named on the command line is.
func (p *program) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.dir, name)
}
