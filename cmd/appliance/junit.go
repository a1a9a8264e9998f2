package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/store"
)

// junitSuites is the root of a report in the format of Ant's JUnit task, as far as
// CI systems read it: a suite for each run of a test, with one case. Times are in
// seconds. (https://github.com/testmoapp/junitxml collects what they read.)
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Errors   int       `xml:"errors,attr"`
	Time     string    `xml:"time,attr"`
	Case     junitCase `xml:"testcase"`
	Output   junitText `xml:"system-out"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Status    string        `xml:"status,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitFailure `xml:"failure"`
	Error     *junitFailure `xml:"error"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

type junitText struct {
	Text string `xml:",chardata"`
}

// junitOutput bounds how much of a log is in a report, in bytes: the end counts,
// and the whole is beside it.
const junitOutput = 256 << 10

// newJUnitSuite is the report of one run of a test. One that was not run counts as
// an error: for who reads nothing but reports, it must not be as if it were not.
func newJUnitSuite(ctx context.Context, cas store.CAS, r testResult, run int) (junitSuite, error) {
	t := r.runs[run]
	name := r.label.Short()
	if len(r.runs) > 1 {
		name = fmt.Sprintf("%s (run %d of %d)", name, run+1, len(r.runs))
	}
	seconds := fmt.Sprintf("%.3f", t.Took.Seconds())
	suite := junitSuite{Name: name, Tests: 1, Time: seconds, Case: junitCase{
		Name: name, ClassName: r.label.Directory(), Status: strings.ToLower(statusWords[t.Status]), Time: seconds,
	}}
	switch t.Status {
	case event.TestFailed, event.TimedOut:
		suite.Failures = 1
		suite.Case.Failure = &junitFailure{Type: statusWords[t.Status], Message: t.Reason}
	case event.NoStatus:
		suite.Errors = 1
		suite.Case.Error = &junitFailure{Type: statusWords[t.Status], Message: "was not run"}
	}
	if t.Log.IsZero() {
		return suite, nil
	}
	log, err := store.Bytes(ctx, cas, t.Log)
	if err != nil {
		return suite, fmt.Errorf("log of %s: %w", name, err)
	}
	suite.Output.Text = lastBytes(plainText(string(log)), junitOutput)
	return suite, nil
}

// lastBytes is the end of a text, from the start of a character.
func lastBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	for s != "" && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

// encode is the file. What XML cannot hold, encoding/xml replaces.
func (s junitSuites) encode() ([]byte, error) {
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("bug: report of tests: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}
