package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/fetch"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/store/mem"
	"github.com/kittyhawk/appliance/engine/workspace"
	"github.com/kittyhawk/appliance/rules/toolroot/keys"
	"github.com/kittyhawk/appliance/rules/toolroot/lock"
)

const lockLong = `Pin the Debian packages of a tool root: the wanted ones and all that they need, by
version and sha256, as a Starlark file.

Given packages, FILE (a path, or a label such as //tools:cc.lock.star) is made. Given
none, it is refreshed: what is wanted, and from where, is read from it, and flags
change that. The signatures of the indices are verified. What has changed is printed.`

// lockFlags change what is read from a lock file, or stand for it.
type lockFlags struct {
	mirrorFlags
	arch       string
	suites     []string
	components []string
	exclude    []string
	keyring    string
}

func newLock(p *program) *cobra.Command {
	var flags lockFlags
	cmd := &cobra.Command{
		Use:   "lock FILE [PACKAGE...]",
		Short: "Pin the packages of a tool root",
		Long:  lockLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.lock(cmd.Context(), flags, args[0], args[1:])
		},
	}
	fs := cmd.Flags()
	flags.mirrorFlags.register(fs)
	fs.StringVar(&flags.arch, "arch", "", "packages for `ARCH`, in Debian's words: amd64, arm64 (default amd64)")
	fs.StringArrayVar(&flags.suites, "suite", nil, "take packages from suite `[MIRROR:]SUITE` (repeatable; the mirror is debian)")
	fs.StringArrayVar(&flags.components, "component", nil, "take packages from `COMPONENT` of the suites (repeatable; default main)")
	fs.StringArrayVar(&flags.exclude, "exclude", nil, "cut off `PACKAGE` and what only it needs (repeatable)")
	fs.StringVar(&flags.keyring, "keyring", "", "trust the OpenPGP keys in `FILE` (default: Debian's)")
	return cmd
}

func (p *program) lock(ctx context.Context, flags lockFlags, name string, packages []string) error {
	file, err := p.lockFile(name)
	if err != nil {
		return err
	}
	before, err := readLock(file)
	if err != nil {
		return err
	}
	request, sources, err := flags.plan(before, packages)
	if err != nil {
		return err
	}
	after, err := p.resolve(ctx, flags, request, sources)
	if err != nil {
		return err
	}
	if _, err := workspace.Replace(file, lock.Format(after), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprint(p.stdout, lockChanges(before, after), lockSummary(p.show(file), after))
	return err
}

// lockFile is where a lock file is that is named by a path or a label.
func (p *program) lockFile(name string) (string, error) {
	if !strings.HasPrefix(name, "//") && !strings.HasPrefix(name, ":") {
		return p.path(name), nil
	}
	w, err := p.findPlace()
	if err != nil {
		return "", err
	}
	l, err := label.Parse(name, w.base)
	if err != nil {
		return "", &usageError{err}
	}
	return filepath.Join(w.root, filepath.FromSlash(l.Path())), nil
}

// readLock gives nil for a file that is still to be made.
func readLock(file string) (*lock.Lock, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := lock.Parse(text)
	if err != nil {
		return nil, &diag.Problem{Subject: file, Text: err.Error(), Hint: "to begin anew, remove it and name the packages"}
	}
	return l, nil
}

// plan is what to lock: what flags and arguments say, otherwise what the file said.
func (f *lockFlags) plan(before *lock.Lock, packages []string) (request lock.Request, sources []lock.Source, err error) {
	if before != nil {
		request = before.Request
		for _, s := range before.Sources {
			sources = append(sources, s.Source)
		}
	}
	if len(packages) > 0 {
		request.Wanted = packages
	}
	if f.exclude != nil {
		request.Exclude = f.exclude
	}
	request.Arch = cmp.Or(f.arch, request.Arch, "amd64")
	if f.suites != nil {
		sources = f.sources()
	}
	switch {
	case len(request.Wanted) == 0:
		return request, nil, usagef("there is no lock file to refresh; want the names of packages")
	case len(sources) == 0:
		return request, nil, usagef("want --suite: the Debian release to take packages from")
	}
	return request, sources, nil
}

// sources are the suites of the flags with their components.
func (f *lockFlags) sources() []lock.Source {
	components := f.components
	if components == nil {
		components = []string{"main"}
	}
	var list []lock.Source
	for _, s := range f.suites {
		mirror, suite, ok := strings.Cut(s, ":")
		if !ok {
			mirror, suite = "debian", s
		}
		list = append(list, lock.Source{Mirror: mirror, Suite: suite, Components: components})
	}
	return list
}

// resolve reads the indices and finds all that the request needs.
func (p *program) resolve(ctx context.Context, flags lockFlags, request lock.Request, sources []lock.Source) (*lock.Lock, error) {
	trusted := keys.Debian()
	if flags.keyring != "" {
		text, err := os.ReadFile(p.path(flags.keyring))
		if err != nil {
			return nil, usagef("--keyring: %w", err)
		}
		trusted = text
	}
	ring, err := lock.ParseKeyring(trusted)
	if err != nil {
		return nil, err
	}
	bases, err := p.mirrorBases(&flags.mirrorFlags, nil)
	if err != nil {
		return nil, err
	}
	fetcher := fetch.New(mem.New(), fetch.Options{Mirrors: bases, Proxy: p.env.proxy()})
	var indexes []*lock.Index
	for _, s := range sources {
		index, err := lock.Load(ctx, documents(fetcher), s, request.Arch, ring, time.Now())
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, index)
	}
	return lock.Resolve(indexes, request)
}

// documents tells trouble on the way to a file from trouble with what is in it.
func documents(f *fetch.Fetcher) lock.Get {
	return func(ctx context.Context, url string) ([]byte, error) {
		b, err := f.Document(ctx, url)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
		p := &diag.Problem{Kind: diag.Environment, Text: err.Error(), Cause: err}
		var unknown *fetch.UnknownMirror
		if errors.As(err, &unknown) {
			p.Hint = fmt.Sprintf("--mirror %s=URL or %s%s names it", unknown.Name, mirrorPrefix, strings.ToUpper(unknown.Name))
		}
		return nil, p
	}
}

// lockChanges is a line for each package that came, went or changed.
func lockChanges(before, after *lock.Lock) string {
	old := map[string]string{}
	if before != nil {
		for _, p := range before.Packages {
			old[p.Name] = p.Version
		}
	}
	var b strings.Builder
	for _, p := range after.Packages {
		version, ok := old[p.Name]
		delete(old, p.Name)
		switch {
		case !ok:
			fmt.Fprintf(&b, "+ %s %s\n", p.Name, p.Version)
		case version != p.Version:
			fmt.Fprintf(&b, "  %s %s -> %s\n", p.Name, version, p.Version)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		fmt.Fprintf(&b, "- %s %s\n", name, old[name])
	}
	return b.String()
}

func lockSummary(file string, l *lock.Lock) string {
	var size int64
	for _, p := range l.Packages {
		size += p.Digest.Size()
	}
	return fmt.Sprintf("%s: %d packages, %s\n", file, len(l.Packages), byteSize(size))
}
