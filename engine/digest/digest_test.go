package digest

import "testing"

// Every key and every file name in the store is a printed digest: what is
// printed must come back, and nothing else may.
func FuzzParse(f *testing.F) {
	f.Add(Empty.String())
	f.Add("e3b0/0")
	f.Add(Of([]byte("x")).Hex() + "/-1")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err == nil && d.String() != s {
			t.Fatalf("Parse(%q).String() = %q", s, d)
		}
	})
}

func TestHasherAgreesWithOf(t *testing.T) {
	h := NewHasher()
	h.Write([]byte("hel"))
	h.Write([]byte("lo"))
	if got, want := h.Digest(), Of([]byte("hello")); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestEmptyIsTheKnownHash(t *testing.T) {
	const want = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0"
	if Empty.String() != want {
		t.Fatalf("got %s, want %s", Empty, want)
	}
}
