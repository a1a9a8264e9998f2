package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/output"
	"github.com/kittyhawk/appliance/engine/store"
	"github.com/kittyhawk/appliance/engine/tree"
)

// testLogs shows what tests have printed, as notes.
type testLogs struct {
	next event.Sink
	mode string // --test_output
	cas  store.CAS

	mu   sync.Mutex
	rest map[event.ActionID][]byte // of a streamed test: the line that has not ended yet
}

// logTail is how many lines of a failed test's log are shown.
const logTail = 60

// Hear passes e on, with the log of a test that has ended where it is wanted.
func (l *testLogs) Hear(e event.Event) {
	switch e := e.(type) {
	case event.TestOutput:
		l.stream(e)
		return
	case event.TestFinished:
		l.finished(e)
	}
	l.next.Hear(e)
}

func (l *testLogs) finished(e event.TestFinished) {
	failed := e.Status == event.TestFailed || e.Status == event.TimedOut
	switch {
	case l.mode == "streamed":
		l.stream(event.TestOutput{ID: e.ID, Text: []byte("\n")})
	case l.mode == "all":
		l.show(e, -1)
	case l.mode == "errors" && failed:
		l.show(e, logTail)
	}
}

// show prints the last lines of a test's log, all for a negative number.
func (l *testLogs) show(e event.TestFinished, lines int) {
	text := "it printed nothing"
	if !e.Log.IsZero() {
		text = l.read(e.Log)
	}
	all := strings.Split(text, "\n")
	what := "log"
	if lines >= 0 && len(all) > lines {
		what = fmt.Sprintf("the last %d of %d lines of the log", lines, len(all))
		all = all[len(all)-lines:]
	}
	const bar = "===================="
	l.next.Hear(event.Note{Text: fmt.Sprintf("%s %s: %s\n%s\n%s%s", bar, testRun(e), what, strings.Join(all, "\n"), bar, bar)})
}

// testRun is a test's label, with the number of the run where there are several.
func testRun(e event.TestFinished) string {
	if e.Runs == 1 {
		return e.Owner.Short()
	}
	return fmt.Sprintf("%s (run %d of %d)", e.Owner.Short(), e.Run, e.Runs)
}

func (l *testLogs) read(d digest.Digest) string {
	b, err := store.Bytes(context.Background(), l.cas, d)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	return plainText(string(b))
}

// stream shows those lines of a test that have ended.
func (l *testLogs) stream(e event.TestOutput) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rest == nil {
		l.rest = map[event.ActionID][]byte{}
	}
	text := string(append(l.rest[e.ID], e.Text...))
	end := strings.LastIndexByte(text, '\n') + 1
	l.rest[e.ID] = []byte(text[end:])
	if lines := plainText(text[:end]); lines != "" {
		l.next.Hear(event.Note{Text: lines})
	}
}

// controlSequence is one of ECMA-48, as terminals on consoles get them.
var controlSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]`)

// plainText is what a terminal would have shown, without the last newline.
func plainText(s string) string {
	s = controlSequence.ReplaceAllString(s, "")
	return strings.TrimRight(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", ""), "\n")
}

// testlogs is the directory below out/ with the logs of tests; Bazel's is a
// link of that name.
const testlogs = "testlogs"

// keepTestLogs links the log and the test.xml of each run, and keeps them from gc.
func (p *program) keepTestLogs(ctx context.Context, s *session, flags *buildFlags, results []testResult) error {
	out := s.at.output(flags.output)
	var kept []tree.Node
	suites := junitSuites{}
	for i := range results {
		r := &results[i]
		for run := range r.runs {
			if r.runs[run].Status == event.NoStatus {
				continue
			}
			suite, err := newJUnitSuite(ctx, s.store, *r, run)
			if err != nil {
				return err
			}
			suites.Suites = append(suites.Suites, suite)
			k := logKeeper{s.stack, output.At(out), path.Join(testlogs, testPath(r.label), runDirectory(run, len(r.runs)))}
			nodes, log, err := k.keep(ctx, r.runs[run].Log, suite)
			if err != nil {
				return err
			}
			r.logs[run] = p.show(log)
			kept = append(kept, nodes...)
			if nodes, err = k.keepOutputs(ctx, *r, run); err != nil {
				return err
			}
			kept = append(kept, nodes...)
		}
	}
	if len(kept) > 0 {
		if err := s.store.Pin(ctx, filepath.Join(out, testlogs), kept); err != nil {
			return err
		}
	}
	if flags.tests.junit == "" {
		return nil
	}
	return writeJUnit(p.path(flags.tests.junit), suites)
}

// testPath is where a test's things are below testlogs.
func testPath(l label.Label) string {
	if l.Repo() != "" {
		return path.Join("@"+l.Repo(), l.Path())
	}
	return l.Path()
}

// runDirectory is where the log of one of several runs is; "" for a single one.
func runDirectory(run, runs int) string {
	if runs == 1 {
		return ""
	}
	return fmt.Sprintf("run_%d_of_%d", run+1, runs)
}

// logKeeper links what is left of one run of a test.
type logKeeper struct {
	*stack
	out output.Dir
	dir string // below out
}

// keep links a log and its report.
func (k logKeeper) keep(ctx context.Context, log digest.Digest, suite junitSuite) (kept []tree.Node, link string, err error) {
	report, err := junitSuites{Suites: []junitSuite{suite}}.encode()
	if err != nil {
		return nil, "", err
	}
	xml, err := store.PutBytes(ctx, k.store, report)
	if err != nil {
		return nil, "", err
	}
	if log.IsZero() {
		if log, err = store.PutBytes(ctx, k.store, nil); err != nil {
			return nil, "", err
		}
	}
	for _, f := range []struct {
		name string
		d    digest.Digest
	}{{"test.xml", xml}, {"test.log", log}} {
		n := tree.NewFile(f.d, false)
		if link, err = k.link(ctx, path.Join(k.dir, f.name), n); err != nil {
			return nil, "", err
		}
		kept = append(kept, n)
	}
	return kept, link, nil
}

// keepOutputs links what a run that passed has made beside its log.
func (k logKeeper) keepOutputs(ctx context.Context, r testResult, run int) (kept []tree.Node, err error) {
	for _, o := range r.action.Outputs() {
		n, ok := r.runs[run].Outputs[o.Name]
		if !ok {
			continue
		}
		if _, err := k.link(ctx, o.Artifact.Path(), n); err != nil {
			return nil, err
		}
		kept = append(kept, n)
	}
	return kept, nil
}

func (k logKeeper) link(ctx context.Context, name string, n tree.Node) (string, error) {
	host, err := k.store.Path(ctx, n)
	if err != nil {
		return "", err
	}
	return k.out.Link(name, host)
}

func writeJUnit(name string, suites junitSuites) error {
	report, err := suites.encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, report, 0o644); err != nil {
		return fmt.Errorf("--junit_xml: %w", err)
	}
	return nil
}
