package main

import (
	"cmp"
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
	case l.mode == "streamed" && e.Cached, l.mode == "all":
		l.show(e, -1)
	case l.mode == "streamed":
		l.stream(event.TestOutput{ID: e.ID, Text: []byte("\n")})
		l.next.Hear(event.Note{Text: header(e)})
	case l.mode == "errors" && failed:
		l.show(e, logTail)
	}
}

// show prints the last lines of a test's log, all for a negative number.
func (l *testLogs) show(e event.TestFinished, lines int) {
	if e.Log.IsZero() {
		l.next.Hear(event.Note{Text: header(e) + "; it printed nothing"})
		return
	}
	log := strings.Split(l.read(e.Log), "\n")
	what := "its log"
	if lines >= 0 && len(log) > lines {
		what = fmt.Sprintf("the last %d of %d lines of its log", lines, len(log))
		log = log[len(log)-lines:]
	}
	l.next.Hear(event.Note{Text: fmt.Sprintf("%s; %s:\n%s\n%s%s", header(e), what, strings.Join(log, "\n"), bar, bar)})
}

// bar parts logs from one another, and from what else there is to see.
const bar = "===================="

// header says how a test has ended.
func header(e event.TestFinished) string {
	return fmt.Sprintf("%s %s %s", bar, testRun(e), cmp.Or(e.Reason, "passed"))
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

// keepTestLogs links the logs and reports of tests, keeps them from gc, and writes
// the file of --junit_xml.
func (p *program) keepTestLogs(ctx context.Context, s *session, flags *buildFlags, results []testResult) error {
	out := s.at.output(flags.output)
	k := logKeeper{stack: s.stack, out: output.At(out)}
	for _, r := range results {
		for run := range r.runs {
			log, err := k.keepRun(ctx, r, run)
			if err != nil {
				return err
			}
			if log != "" {
				r.logs[run] = p.show(log)
			}
		}
	}
	if len(k.kept) > 0 {
		if err := s.store.Pin(ctx, filepath.Join(out, testlogs), k.kept); err != nil {
			return err
		}
	}
	if flags.tests.junit == "" {
		return nil
	}
	return writeJUnit(p.path(flags.tests.junit), k.report)
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

// logKeeper links what is left of tests.
type logKeeper struct {
	*stack
	out    output.Dir
	kept   []tree.Node // that links lead to
	report junitSuites // of all tests
}

// keepRun links what one run of a test has left, and returns the link to its log, ""
// if it was not run.
func (k *logKeeper) keepRun(ctx context.Context, r testResult, run int) (log string, err error) {
	suite, err := newJUnitSuite(ctx, k.store, r, run)
	if err != nil {
		return "", err
	}
	k.report.Suites = append(k.report.Suites, suite)
	if r.runs[run].Status == event.NoStatus {
		return "", nil
	}
	xml, err := junitSuites{Suites: []junitSuite{suite}}.encode()
	if err != nil {
		return "", err
	}
	dir := path.Join(testlogs, testPath(r.label), runDirectory(run, len(r.runs)))
	if _, err := k.write(ctx, path.Join(dir, "test.xml"), xml); err != nil {
		return "", err
	}
	if err := k.keepOutputs(ctx, r, run); err != nil {
		return "", err
	}
	if d := r.runs[run].Log; !d.IsZero() {
		return k.link(ctx, path.Join(dir, "test.log"), tree.NewFile(d, false))
	}
	return k.write(ctx, path.Join(dir, "test.log"), nil)
}

// write links a file with these bytes.
func (k *logKeeper) write(ctx context.Context, name string, b []byte) (string, error) {
	d, err := store.PutBytes(ctx, k.store, b)
	if err != nil {
		return "", err
	}
	return k.link(ctx, name, tree.NewFile(d, false))
}

// keepOutputs links what a run that passed has made beside its log.
func (k *logKeeper) keepOutputs(ctx context.Context, r testResult, run int) error {
	for _, o := range r.action.Outputs() {
		n, ok := r.runs[run].Outputs[o.Name]
		if !ok {
			continue
		}
		if _, err := k.link(ctx, o.Artifact.Path(), n); err != nil {
			return err
		}
	}
	return nil
}

func (k *logKeeper) link(ctx context.Context, name string, n tree.Node) (string, error) {
	host, err := k.store.Path(ctx, n)
	if err != nil {
		return "", err
	}
	k.kept = append(k.kept, n)
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
