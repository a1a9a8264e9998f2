package main

import (
	"testing"
	"time"
)

// When the disk is nearly full, doctor says so before a build does.
func TestJudgeSpace(t *testing.T) {
	for _, test := range []struct {
		free          int64
		inodes, total uint64
		want          []grade
	}{
		{100 << 30, 1e6, 2e6, []grade{fine}},
		{100 << 30, 0, 0, []grade{fine}},
		{5 << 30, 1e6, 2e6, []grade{warning}},
		{1 << 29, 1e6, 2e6, []grade{fault}},
		{100 << 30, 1e4, 2e6, []grade{fine, warning}},
	} {
		findings := judgeSpace("/cache", test.free, test.inodes, test.total)
		if len(findings) != len(test.want) {
			t.Fatalf("%+v: got %+v", test, findings)
		}
		for i, f := range findings {
			if f.grade != test.want[i] || (f.grade == fine) != (f.fix == "") {
				t.Errorf("%+v: got %+v", test, f)
			}
		}
	}
}

func TestCheckClock(t *testing.T) {
	built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if f := checkClock(built.Add(-time.Second), built); f[0].grade != warning {
		t.Errorf("got %+v", f)
	}
	if f := checkClock(built.Add(time.Second), built); f[0].grade != fine {
		t.Errorf("got %+v", f)
	}
}
