package main

import "testing"

func TestByteCount(t *testing.T) {
	for s, want := range map[string]byteCount{
		"1": 1, "500MB": 500e6, "500M": 500e6, "1.5GB": 1.5e9, "16GiB": 16 << 30, "3B": 3, "2k": 2000, "1KiB": 1024,
	} {
		var c byteCount
		if err := c.Set(s); err != nil || c != want {
			t.Errorf("%s: got %d, %v, want %d", s, c, err, want)
		}
		var again byteCount
		if err := again.Set(c.String()); err != nil || again != c {
			t.Errorf("%s: %s reads back as %d, %v", s, c.String(), again, err)
		}
	}
	for _, s := range []string{"", "0", "-1GB", "GB", "1XB", "1e30TB", "NaN", "Inf", "1 GB", "0.1"} {
		var c byteCount
		if err := c.Set(s); err == nil {
			t.Errorf("%q: got %d, want an error", s, c)
		}
	}
}
