package main

import (
	"slices"
	"testing"
)

// A person takes targets away in the middle of the others and between flags.
func TestExclusionsAreNoFlags(t *testing.T) {
	p := &program{}
	root := newRoot(p)
	cmd, rest, err := root.Find(protectExclusions([]string{"build", "-k", "//...", "-//a", "-@r//b", "--jobs", "3", "-:c", "--", "-d/...", "-//e"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	w := place{base: mustLabel("//x:all")}
	list, err := w.patterns(cmd.Flags().Args())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		got = append(got, p.String())
	}
	want := []string{"//...", "-//a:a", "-@r//b:b", "-//x:c", "-//x/d/...", "-//e:e"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPatternsAreUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"//a//b"}, {"//a b"}} {
		if _, err := (place{}).patterns(args); exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
}
