package main

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// A variant is a difference between two builders that no output may show.
type variant struct {
	name  string
	apply func(t *testing.T, s *site)
	args  []string
}

var variants = []variant{
	{name: "plain", apply: func(*testing.T, *site) {}},
	{name: "one job", args: []string{"-j1"}, apply: func(*testing.T, *site) {}},
	{name: "many jobs", args: []string{"-j16"}, apply: func(*testing.T, *site) {}},
	{name: "environment", apply: func(_ *testing.T, s *site) {
		s.as = func(cmd *exec.Cmd) {
			cmd.Env = []string{
				"HOME=/", "TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=de_DE", "SOURCE_DATE_EPOCH=1", "CC=false",
				"PATH=/bin", "TMPDIR=" + s.dir, "MAKEFLAGS=-j7", "GOMAXPROCS=1",
			}
		}
	}},
	{name: "umask 077", apply: func(t *testing.T, s *site) {
		eachSource(t, s, func(path string, info fs.FileInfo) error { return os.Chmod(path, info.Mode()&^0o077) })
		s.as = func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
		}
	}},
	{name: "times of sources", apply: func(t *testing.T, s *site) {
		next := time.Unix(0, 0)
		eachSource(t, s, func(path string, _ fs.FileInfo) error {
			next = next.AddDate(3, 0, 0) // well beyond 2038
			return os.Chtimes(path, next, next)
		})
	}},
	{name: "order of declarations", apply: func(_ *testing.T, s *site) {
		files, m := maps.Clone(s.files), newMachine()
		files["APPLIANCE.star"] = source{Text: m.star(backwards(m.targets()))}
		s.sync(files)
	}},
	{name: "order in directories", apply: func(_ *testing.T, s *site) {
		files := s.files
		s.sync(nil)
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(files))) {
			s.put(name, files[name])
		}
	}},
	{name: "another user", apply: func(t *testing.T, s *site) {
		if os.Getuid() != 0 {
			t.Skip("only root can start a program for somebody else")
		}
		const uid, gid = 61234, 61235
		base := filepath.Dir(s.dir)
		if err := os.Chown(base, uid, gid); err != nil {
			t.Fatal(err)
		}
		eachSource(t, s, func(path string, _ fs.FileInfo) error { return os.Lchown(path, uid, gid) })
		s.as = func(cmd *exec.Cmd) {
			s.check(cmd.ExtraFiles[0].Chown(uid, gid)) // the pipe is opened by its name
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: []uint32{gid, 61236}}}
		}
	}},
}

// backwards is the same declarations and arguments from the last to the first.
func backwards(targets []string) []string {
	var list []string
	for _, t := range slices.Backward(targets) {
		lines := strings.Split(t, "\n")
		slices.Reverse(lines[1 : len(lines)-2])
		list = append(list, strings.Join(lines, "\n"))
	}
	return list
}

// eachSource visits the workspace, deepest first.
func eachSource(t *testing.T, s *site, visit func(path string, info fs.FileInfo) error) {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	s.check(err)
	for _, path := range slices.Backward(paths) {
		info, err := os.Lstat(path)
		s.check(err)
		if info.Mode()&fs.ModeSymlink == 0 {
			s.check(visit(path, info))
		}
	}
}

// lookFiles is the workspace of the tests below: a machine, and a look around.
func lookFiles() map[string]source {
	m := newMachine()
	files := m.files()
	files["look/APPLIANCE.star"] = source{Text: `load("//:defs.star", "look")

look(name = "report", src = "src")
`}
	files["look/src/file"] = source{Text: "file\n"}
	return files
}

// Were this to fail, two people would get different images of one workspace, and a
// bug report would be about a machine that nobody else has: neither folder, user, umask, environment,
// number of jobs, times and order of files nor order of declarations is in the bytes.
//
// The clock cannot be set for one process; what commands could do with it is
// theirs. Rebuilding real packages at another time is the test of that.
func TestBuildersDoNotShow(t *testing.T) {
	want := ""
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			s := newVisibleSite(t, "folder "+v.name+", of: its = own")
			s.sync(lookFiles())
			v.apply(t, s)
			s.build(append(v.args, "//:m.uimage", "//:m", "//look:report")...)
			got := s.digests("m.uimage", "m.manifest")
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("image %s, that of %s %s", got, variants[0].name, want)
			}
			compareGolden(t, "sandbox.golden", s.look())
		})
	}
}

// newVisibleSite is a site that every user of this machine can reach.
func newVisibleSite(t *testing.T, name string) *site {
	t.Helper()
	newSite(t) // skips where sandboxes are forbidden
	base, err := os.MkdirTemp("", "appliance-site-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := filepath.Join(base, name)
	for _, d := range []string{base, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return newSiteIn(t, dir)
}

// scratch is the directory of one run of one command, as the kernel tells it in two places
// where nobody can hide it: the target of an open file, and what part of the disk
// an output directory is.
var scratch = regexp.MustCompile(`(?m)(^[0-9] |root=)/.*/cache/tmp/[0-9]+-[0-9]+\.t[0-9a-z]+`)

// look is what //look:report saw.
func (s *site) look() string {
	s.t.Helper()
	report, err := os.ReadFile(filepath.Join(s.dir, "out", "look", "report"))
	s.check(err)
	return scratch.ReplaceAllString(string(report), "${1}SCRATCH")
}

// compareGolden compares text with a file in testdata.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

// Were this to fail, what one person has built would not help another one: a cache
// serves a copy of the workspace in another folder.
func TestCacheServesAnotherFolder(t *testing.T) {
	first, second := newSite(t), newSite(t)
	second.cache = first.cache
	for _, s := range []*site{first, second} {
		s.sync(newMachine().files())
	}
	first.build("//:m.uimage")
	wantRan(t, second.build("//:m.uimage"))
	if first.digests("m.uimage") != second.digests("m.uimage") {
		t.Error("one cache, two images")
	}
}
