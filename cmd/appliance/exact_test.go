package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Were this to fail, nobody could trust a build after an edit, and would be back at
// "distclean": whatever is edited in whatever order, the image is that of a clean
// build with an empty cache.
func TestAnyEditsEqualCleanBuild(t *testing.T) {
	sequences, steps := 4, 28
	if testing.Short() {
		sequences, steps = 1, 10
	}
	for seed := range sequences {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			editAtRandom(t, rand.New(rand.NewPCG(uint64(seed), 0)), steps)
		})
	}
}

// editAtRandom builds after each edit, and in a fresh copy after each third, in
// short sequences after each.
func editAtRandom(t *testing.T, r *rand.Rand, steps int) {
	s := newSite(t)
	history := []machine{newMachine()}
	for step := range steps {
		m, how := nextMachine(r, history)
		s.sync(m.files())
		f := s.build("//:m.uimage", "//:m")
		t.Logf("%d: %s: %d ran, %d cached", step, how, len(f.ran), f.cached)
		if how == "revert" {
			wantRan(t, f)
		}
		history = append(history, m)
		if step%3 > 0 && !testing.Short() {
			continue
		}
		got, want := s.digests("m.uimage", "m.manifest"), cleanBuild(t, m)
		if got != want {
			t.Fatalf("step %d (%s): image %s, a clean build makes %s", step, how, got, want)
		}
		wantRan(t, s.build("//:m.uimage", "//:m"))
	}
}

// nextMachine edits the last machine of a history, or goes back to some other.
func nextMachine(r *rand.Rand, history []machine) (m machine, how string) {
	if r.IntN(8) == 0 && len(history) > 1 {
		return pick(r, history[1:]).clone(), "revert"
	}
	m = history[len(history)-1].clone()
	for range 1 + r.IntN(2) {
		e := pick(r, edits)
		e.apply(r, &m)
		how += e.name + "; "
	}
	return m, how
}

// cleanBuild makes the image in another folder with another cache.
func cleanBuild(t *testing.T, m machine) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "clean")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	clean := newSiteIn(t, dir)
	clean.sync(m.files())
	clean.build("//:m.uimage", "//:m")
	return clean.digests("m.uimage", "m.manifest")
}

// Were this to fail, people would wait for work that changes nothing: what does not
// change the meaning of a workspace runs no action.
func TestNothingRunsForNothing(t *testing.T) {
	s := newSite(t)
	m := newMachine()
	s.sync(m.files())
	s.build("//:m.uimage")
	old := time.Unix(1e9, 0)
	steps := []struct {
		name string
		edit func()
	}{
		{"nothing", func() {}},
		{"a file with another time", func() { s.check(os.Chtimes(s.path("overlay/srv/a"), old, old)) }},
		{"a file written again", func() { s.put("overlay/srv/a", m.Overlay["a"]) }},
		{"a file for its owner alone", func() { s.check(os.Chmod(s.path("overlay/srv/a"), 0o600)) }},
		{"a directory with another time", func() { s.check(os.Chtimes(s.path("src/one"), old, old)) }},
		{"a comment", func() { m.Comment = "# A remark.\n"; s.sync(m.files()) }},
		{"a file that nobody asked for", func() { s.put("README", source{Text: "read me"}) }},
		{"the cache asked from another job count", func() {}},
	}
	for i, step := range steps {
		step.edit()
		f := s.build("//:m.uimage", fmt.Sprintf("-j%d", 1+i%3))
		if len(f.ran) > 0 {
			t.Errorf("%s: ran %q", step.name, f.ran)
		}
	}
}

// Were this to fail, an edit would cost more than what depends on it, or less. Each
// edit is undone afterwards, at no cost.
func TestEditRunsWhatDependsOnIt(t *testing.T) {
	image := []string{"//:m.ext2 Ext2Image", "//:m.ext2.gz Gzip", "//:m.uimage UImage"}
	rootfs := append([]string{"//:m ComposeRootfs"}, image...)
	s := newSite(t)
	s.sync(newMachine().files())
	s.build("//:m.uimage")
	for _, test := range []struct {
		name string
		edit func(m *machine)
		want []string
	}{
		{"overlay file", func(m *machine) { m.Overlay["a"] = source{Text: "bbbb\n"} }, rootfs},
		{"overlay file renamed", func(m *machine) { m.removeFile("bin/b"); m.addFile("c", source{Text: "bbbb\n"}) }, rootfs},
		{"mode", func(m *machine) { m.Modes["a"] = "0640" }, rootfs},
		{"password", func(m *machine) { m.Users[0].Password = hashes[3] }, rootfs},
		{"host name", func(m *machine) { m.Hostname = "other" }, rootfs},
		{"package removed", func(m *machine) { m.Software = m.Software[:1] }, rootfs},
		{"block size", func(m *machine) { m.BlockSize = 4096 }, image},
		{"compression", func(m *machine) { m.Level = 1 }, image[1:]},
		{"source of a package", func(m *machine) { m.Software[1].Sources["main"] = "other\n" },
			append([]string{"//:one Compile", "//:one Install"}, rootfs...)},
		{"option of a package that another needs", func(m *machine) { m.Software[0].Options = nil },
			append([]string{"//:zero Compile", "//:zero Install", "//:one Compile", "//:one Install"}, rootfs...)},
	} {
		m := newMachine()
		test.edit(&m)
		s.sync(m.files())
		f := s.build("//:m.uimage")
		slices.Sort(test.want)
		if !slices.Equal(f.ran, test.want) {
			t.Errorf("%s: ran %q, want %q", test.name, f.ran, test.want)
		}
		s.sync(newMachine().files())
		wantRan(t, s.build("//:m.uimage"))
	}
}

// Were this to fail, a second appliance would cost as much as the first: what two
// machines have in common is made once.
func TestMachinesSharePackages(t *testing.T) {
	s := newSite(t)
	m := newMachine()
	files := m.files()
	s.sync(files)
	s.build("//:m.uimage")
	second := call("machine", `name = "second"`, `packages = [":one"]`, `hostname = "second"`)
	files["APPLIANCE.star"] = source{Text: m.star(append(m.targets(), second))}
	s.sync(files)
	wantRan(t, s.build("//:second.uimage", "//:m.uimage"),
		"//:second ComposeRootfs", "//:second.ext2 Ext2Image", "//:second.ext2.gz Gzip", "//:second.uimage UImage")
}

// Were this to fail, a failed build would leave something behind that later builds
// trust: after a mistake is undone, all is as before it.
func TestFailureLeavesNothing(t *testing.T) {
	s := newSite(t)
	good := newMachine()
	s.sync(good.files())
	s.build("//:m.uimage")
	want := s.digests("m.uimage")
	bad := newMachine()
	bad.Software[0].Sources["main"] = "#error on purpose\n"
	s.sync(bad.files())
	for range 2 { // a failure is not cached
		if f, err := s.try("//:m.uimage"); err == nil || len(f.ran) > 0 {
			t.Fatalf("a package that cannot be compiled: %v, ran %q\n%s", err, f.ran, f.output)
		}
	}
	s.sync(good.files())
	wantRan(t, s.build("//:m.uimage"))
	if got := s.digests("m.uimage"); got != want {
		t.Errorf("image %s, before the mistake %s", got, want)
	}
}
