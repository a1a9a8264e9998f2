package sandbox_test

import "testing"

func TestSmoke(t *testing.T) {
	f := newFixture(t)
	out, res, err := f.run("x")
	t.Log(out, res, err)
}

func BenchmarkRun(b *testing.B) {
	f := newFixture(b)
	for b.Loop() {
		_, _, err := f.run("x")
		if err != nil {
			b.Fatal(err)
		}
	}
}
