package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newLargeSite is a site with hundreds of actions, and a program and names of
// packages that no other test has. want is what a clean build makes.
func newLargeSite(t *testing.T) (s *site, want string) {
	t.Helper()
	pieces := 60
	if testing.Short() {
		pieces = 20
	}
	m := newMachine()
	m.Software = nil
	for i := range pieces {
		p := piece{Name: fmt.Sprintf("large%d-%d", os.Getpid(), i), Sources: map[string]string{"main": fmt.Sprintf("%d\n", i)}}
		if i >= 9 {
			p.Deps = []string{m.Software[i-9].Name}
		}
		m.Software = append(m.Software, p)
	}
	s = newSite(t)
	s.sync(m.files())
	program, err := os.ReadFile(s.program)
	s.check(err)
	s.program = filepath.Join(filepath.Dir(s.dir), "appliance")
	s.check(os.WriteFile(s.program, program, 0o755))
	return s, cleanBuild(t, m)
}

// killAfter starts a build and kills it, and it alone, once so many actions have
// begun. Whatever else runs at this moment is at a random place.
func (s *site) killAfter(starts int, args ...string) {
	s.t.Helper()
	cmd, events, _ := s.start(args...)
	defer events.Close()
	running, err := awaitStarts(events, starts)
	s.check(err)
	if running && s.processes() == "" {
		s.t.Fatal("a build runs, and its processes are not found")
	}
	s.check(cmd.Process.Kill())
	cmd.Wait() // "signal: killed", or it was quicker
}

// awaitStarts reads events until so many actions have begun; running is false if
// the build ended before that.
func awaitStarts(events io.Reader, starts int) (running bool, err error) {
	decoder := json.NewDecoder(events)
	for starts > 0 {
		var e eventFields
		err := decoder.Decode(&e)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if e.Event == "started" {
			starts--
		}
	}
	return true, nil
}

// Were this to fail, a power cut, the kernel's out-of-memory killer or an impatient
// person could leave processes, a full disk or, worst, a cache with wrong content behind.
func TestKilledAtAnyMoment(t *testing.T) {
	s, want := newLargeSite(t)
	kills := 12
	if testing.Short() {
		kills = 5
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range kills { // later and later: a build gets ahead in between
		s.killAfter(r.IntN(10+6*i), "//:m.uimage", "//:m")
		if left := s.awaitSilence(); left != "" {
			t.Fatalf("kill %d left processes:\n%s", i, left)
		}
	}
	f := s.build("//:m.uimage", "//:m")
	t.Logf("after %d kills: %d ran, %d cached", kills, len(f.ran), f.cached)
	if got := s.digests("m.uimage", "m.manifest"); got != want {
		t.Errorf("image %s, a clean build makes %s", got, want)
	}
	s.checkCache()
	wantRan(t, s.build("//:m.uimage", "//:m"))
}

// Were this to fail, two terminals, or a terminal and a CI job, could not share a cache:
// builds at the same time succeed, also while one of them is killed and another begins.
func TestBuildsAtTheSameTime(t *testing.T) {
	s, want := newLargeSite(t)
	outcome := make(chan error)
	build := func(out string) {
		cmd, events, output := s.start("//:m.uimage", "//:m", "--output="+out)
		go func() {
			defer events.Close()
			io.Copy(io.Discard, events)
			if err := cmd.Wait(); err != nil {
				outcome <- fmt.Errorf("%s: %w\n%s", out, err, output)
				return
			}
			outcome <- nil
		}()
	}
	build("out")
	build("out")
	s.killAfter(10, "//:m.uimage")
	build("out/third")
	for range 3 {
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	}
	if got := s.digests("m.uimage", "m.manifest"); got != want {
		t.Errorf("image %s, a clean build makes %s", got, want)
	}
	s.build("//:m.uimage")
	s.checkCache()
}

// awaitSilence waits until no process of this site is left, and tells what is
// left after a minute: the kernel needs a moment to end a sandbox.
func (s *site) awaitSilence() string {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		left := s.processes()
		if left == "" || time.Now().After(deadline) {
			return left
		}
		time.Sleep(time.Millisecond)
	}
}

// processes are those that run the site's program, or a probe for its packages.
func (s *site) processes() string {
	s.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	s.check(err)
	var found strings.Builder
	for _, dir := range dirs {
		// Processes end while we look at them.
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		program, _ := os.Readlink(filepath.Join(dir, "exe"))
		if program == s.program || bytes.Contains(command, fmt.Appendf(nil, "large%d-", os.Getpid())) {
			fmt.Fprintf(&found, "%s %s %q\n", dir, program, command)
		}
	}
	return found.String()
}

// checkCache checks that nothing unfinished is in the cache, and that every blob
// is what its name says.
func (s *site) checkCache() {
	s.t.Helper()
	unfinished, err := os.ReadDir(filepath.Join(s.cache, "tmp"))
	s.check(err)
	if len(unfinished) > 0 {
		s.t.Errorf("unfinished: %v", unfinished)
	}
	blobs := 0
	err = filepath.WalkDir(filepath.Join(s.cache, "cas"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		blobs++
		if want := fmt.Sprintf("%x-%d", sha256.Sum256(content), len(content)); !strings.HasPrefix(e.Name(), want) {
			s.t.Errorf("blob %s has the digest %s", e.Name(), want)
		}
		return err
	})
	s.check(err)
	if blobs == 0 {
		s.t.Error("no blobs found")
	}
}
