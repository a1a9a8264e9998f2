package bootcheck

import (
	"strings"
	"testing"
)

// A configuration says of a symbol what kconfig wrote of it.
func TestConfig(t *testing.T) {
	c := config(t, "#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_4C=65536\nCONFIG_D=\"a=b # c\"\n# CONFIG_E is not set\n\nCONFIG_F=0x10")
	for name, want := range map[string]string{
		"A":  "CONFIG_A=y",
		"B":  "CONFIG_B=m",
		"4C": "CONFIG_4C=65536",
		"D":  `CONFIG_D="a=b # c"`,
		"E":  "CONFIG_E is not set",
		"F":  "CONFIG_F=0x10",
		"G":  "CONFIG_G is not set",
	} {
		if got := c.State(name); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := c.BuiltIn(name); got != (name == "A") {
			t.Errorf("%s: built in: %v", name, got)
		}
	}
	if n, ok := c.Int("4C"); !ok || n != 65536 {
		t.Errorf("got %d, %v", n, ok)
	}
	for _, name := range []string{"A", "D", "E", "F"} {
		if n, ok := c.Int(name); ok {
			t.Errorf("%s: got %d, want no number", name, n)
		}
	}
}

// A file that is not a configuration must not pass for one that has everything
// off.
func TestConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"A=y\n":                       `line 1: got "A=y", want CONFIG_NAME=value or a comment`,
		"# a\nCONFIG_A\n":             `line 2: got "CONFIG_A"`,
		"CONFIG_=y\n":                 `line 1: got "CONFIG_=y"`,
		"CONFIG_A=\n":                 `line 1: got "CONFIG_A="`,
		"CONFIG_A B=y\n":              `line 1: got "CONFIG_A B=y"`,
		"CONFIG_A=y\nCONFIG_A=m\n":    `line 2: CONFIG_A is set a second time`,
		"\x7fELF\x01\x01":             `line 1: got "\x7fELF\x01\x01"`,
		" CONFIG_A=y\nCONFIG_B=n\r\n": `line 1: got " CONFIG_A=y"`,
	} {
		_, err := ParseConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// Nothing makes the parser panic, and what it takes it says again.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(all))
	f.Add([]byte("CONFIG_A=\"x\"\n# CONFIG_B is not set\nCONFIG_C=m"))
	f.Add([]byte("CONFIG_=\n\n#"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		for _, line := range strings.Split(string(text), "\n") {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "CONFIG_"), "=")
			if line != "" && line[0] != '#' && c.State(name) != line {
				t.Errorf("%q became %q", line, c.State(name))
			}
		}
	})
}

// Versions are compared as numbers, as far as programs can tell them apart.
func TestVersion(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		order  int
		series int
	}{
		{"6.1.176", "6.1.176", 0, 0},
		{"6.1.4", "6.1.176", -1, 0},
		{"6.1", "6.1.4", -1, 0},
		{"6.2", "6.1.176", 1, 1},
		{"6.1.9", "6.10.1", -1, -1},
		{"2.6.32", "3.2", -1, -1},
		{"2.6.32.71", "2.6.34", -1, -1},
		{"6.1.176-lab", "6.1.176", 0, 0},
	} {
		a, b := version(t, test.a), version(t, test.b)
		if got := a.Compare(b); got != test.order {
			t.Errorf("%s and %s: got %d, want %d", a, b, got, test.order)
		}
		if got := a.series().Compare(b.series()); got != test.series {
			t.Errorf("series of %s and %s: got %d, want %d", a, b, got, test.series)
		}
	}
	for _, text := range []string{"", "6", "6.", "v6.1", "6.1.2.3.4", "6.x", "6.-1", "6.100000", "-"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q became %v", text, v)
		}
	}
}
