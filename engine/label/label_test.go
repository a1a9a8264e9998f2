package label

import "testing"

var base = Label{"", "examples/khvmm", "khvmm"}

// A label that a user may type in an APPLIANCE.star, and the one it means.
func TestParse(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"//examples/khvmm", "//examples/khvmm:khvmm"},
		{"//:x", "//:x"},
		{":overlay", "//examples/khvmm:overlay"},
		{"kehne.pub", "//examples/khvmm:kehne.pub"},
		{"overlay/etc/motd", "//examples/khvmm:overlay/etc/motd"},
		{"@rules//library/busybox", "@rules//library/busybox:busybox"},
		{"@rules//platform:ppc440fp", "@rules//platform:ppc440fp"},
	} {
		l, err := Parse(test.in, base)
		if err != nil || l.String() != test.want {
			t.Errorf("Parse(%q) = %v, %v, want %s", test.in, l, err, test.want)
		}
	}
}

// Names that would escape their directory or read two ways are refused.
func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "//", "//a/../b", "//a:", "../x", ":../x", "//a:/b", "@r/x", "//a//b", "//a b", "//a:b:c", "//a/*", "//a\n"} {
		if l, err := Parse(s, base); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, l)
		}
	}
}

func TestPatternMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, label string
		want           bool
	}{
		{"//...", "//a/b:c", true},
		{"//a/...", "//a:c", true},
		{"//a/...", "//ab:c", false},
		{"//a:all", "//a:c", true},
		{"//a:*", "//a/b:c", false},
		{"-//a:b", "//a:b", true},
		{"@rules//...", "//a:b", false},
		{"...", "//examples/khvmm/x:y", true},
		{":khvmm", "//examples/khvmm:khvmm", true},
	} {
		p, err := ParsePattern(test.pattern, base)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(test.label, base)
		if err != nil {
			t.Fatal(err)
		}
		if p.Matches(l) != test.want {
			t.Errorf("%s matches %s: got %v", test.pattern, test.label, !test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("@r//a/b:c")
	f.Add("//a:b/c")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := Parse(s, base)
		if err != nil {
			return
		}
		again, err := Parse(l.String(), Label{})
		if err != nil || again != l {
			t.Fatalf("Parse(%q) = %v, reads back as %v, %v", s, l, again, err)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("-//a/...")
	f.Add("@r//...")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s, base)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String(), Label{})
		if err != nil || again != p {
			t.Fatalf("ParsePattern(%q) = %v, reads back as %v, %v", s, p, again, err)
		}
	})
}

// The hint of an error must be the name that was meant, or none.
func TestNearest(t *testing.T) {
	names := []string{"size_mib", "free_mib", "block_size", "name"}
	for in, want := range map[string]string{"size_mb": "size_mib", "blok_size": "block_size", "nmae": "name", "overlays": ""} {
		if got := Nearest(in, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
