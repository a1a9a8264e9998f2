package ext2

import (
	"bytes"
	"context"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// pattern is n bytes in which every block differs and none is all zeros.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>9) ^ byte(i>>17) ^ byte(i) | 1
	}
	return b
}

func mustPlan(t testing.TB, m *manifest.Manifest, o Options) *Layout {
	t.Helper()
	l, err := Plan(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func imageOf(t testing.TB, l *Layout, open OpenFunc) []byte {
	t.Helper()
	var b bytes.Buffer
	b.Grow(int(l.Size()))
	if err := l.Write(context.Background(), &b, open); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
