package budget

import (
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Whoever is over the limit must be told by how much and because of whom.
func TestCheckNamesTheLargest(t *testing.T) {
	m, err := manifest.New([]manifest.Entry{
		{Type: manifest.Directory, Mode: 0o755},
		{Path: "big", Type: manifest.File, Mode: 0o644, Digest: digest.Of(make([]byte, 5000)), Origin: "//:big"},
		{Path: "small", Type: manifest.File, Mode: 0o644, Digest: digest.Of([]byte("x")), Origin: "//:small"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(100, 100, m); err != nil {
		t.Fatal(err)
	}
	err = Check(105, 100, m)
	if err == nil {
		t.Fatal("want an error")
	}
	text := err.Error()
	for _, want := range []string{"105 bytes", "limit is 100", "5 too many", "5000  //:big", "5000  /big"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	if strings.Index(text, "//:big") > strings.Index(text, "//:small") {
		t.Error("the largest is not the first")
	}
}
