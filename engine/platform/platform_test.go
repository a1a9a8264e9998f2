package platform

import (
	"testing"

	"github.com/kittyhawk/appliance/engine/label"
)

func parse(t *testing.T, s string) label.Label {
	t.Helper()
	l, err := label.Parse(s, label.Label{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A toolchain is chosen by constraints: a child overrides its parent, a
// default holds where a platform says nothing, and nowhere else.
func TestHas(t *testing.T) {
	cpu, libc := parse(t, "//p:cpu"), parse(t, "//p:libc")
	ppc := Constraint{Setting: cpu, Value: parse(t, "//p:ppc")}
	arm := Constraint{Setting: cpu, Value: parse(t, "//p:arm")}
	musl := Constraint{Setting: libc, Value: parse(t, "//p:musl"), Default: true}
	glibc := Constraint{Setting: libc, Value: parse(t, "//p:glibc")}
	parent, err := New(parse(t, "//p:parent"), nil, []Constraint{ppc, glibc})
	if err != nil {
		t.Fatal(err)
	}
	child, err := New(parse(t, "//p:child"), parent, []Constraint{arm})
	if err != nil {
		t.Fatal(err)
	}
	bare, err := New(parse(t, "//p:bare"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		p    *Platform
		c    Constraint
		want bool
	}{
		{parent, ppc, true}, {child, ppc, false}, {child, arm, true}, {child, glibc, true},
		{child, musl, false}, {bare, musl, true}, {bare, glibc, false},
	} {
		if got := test.p.Has(test.c); got != test.want {
			t.Errorf("%s has %s: got %v", test.p.Label(), test.c.Value, got)
		}
	}
	if missing := child.Missing([]Constraint{ppc, glibc}); len(missing) != 1 || missing[0] != ppc {
		t.Errorf("missing: got %v, want only ppc", missing)
	}
	if v := child.Values(); len(v) != 2 || v[0] != arm.Value {
		t.Errorf("values: got %v", v)
	}
}

func TestTwoValuesOfOneSettingAreRefused(t *testing.T) {
	cpu := parse(t, "//p:cpu")
	_, err := New(parse(t, "//p:x"), nil, []Constraint{{Setting: cpu, Value: parse(t, "//p:a")}, {Setting: cpu, Value: parse(t, "//p:b")}})
	if err == nil || err.Error() != "//p:a and //p:b are both values of //p:cpu" {
		t.Fatal(err)
	}
}
