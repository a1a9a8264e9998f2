package ext2

import (
	"fmt"
	"testing"
)

// Every data index has a block of its own, in order, and none is metadata.
func TestLocator(t *testing.T) {
	for _, o := range forms() {
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range []int64{1, 8000, 70000, 500000} {
			for _, inodes := range []int64{11, 5000, 200000} {
				t.Run(fmt.Sprint(formName(o), data, inodes), func(t *testing.T) { checkGeometry(t, o, data, inodes) })
			}
		}
	}
}

func checkGeometry(t *testing.T, o Options, data, inodes int64) {
	g, err := fit(o, data, inodes)
	if err != nil {
		t.Fatal(err)
	}
	at := locator{geometry: &g}
	next, supers := int64(0), int64(0)
	for group := range g.groups {
		if got := g.dataBefore(group); got != next {
			t.Fatalf("group %d begins at data index %d, want %d", group, got, next)
		}
		for b := g.start(group) + g.overhead(group); b < g.start(group)+g.length(group); b++ {
			if got := at.block(next); int64(got) != b {
				t.Fatalf("data index %d is block %d, want %d", next, got, b)
			}
			next++
		}
		if g.hasSuper(group) {
			supers++
		}
	}
	if next != g.dataBlocks() || supers != g.supers(g.groups) {
		t.Errorf("%d data blocks and %d superblocks, want %d and %d", g.dataBlocks(), g.supers(g.groups), next, supers)
	}
	if next < data || g.groups*g.inodesPerGroup < inodes {
		t.Errorf("room for %d blocks and %d inodes, want %d and %d", next, g.groups*g.inodesPerGroup, data, inodes)
	}
}
