package rules_test

import (
	"path/filepath"
	"testing"

	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
)

// Were this to fail, a recipe would be refused on some platform, or would lack a
// fix that lies beside it.
func TestRecipesAreForAllPlatforms(t *testing.T) {
	applied := map[string]bool{}
	for _, tt := range []struct {
		platform string
		without  []string // what is not for it
	}{
		{"arm64", []string{"gcc", "uclibc"}},
		{"arm64_musl", []string{"uclibc"}},
		{"ppc440fp", []string{"gcc", "websocketd"}},
		{"ppc440fp_musl", []string{"websocketd"}},
		{"ppc440fp_uclibc", []string{"websocketd"}},
		{"x86_64", []string{"gcc"}},
		{"x86_64_musl", nil},
	} {
		t.Run(tt.platform, func(t *testing.T) {
			platform, err := label.Parse("@rules//platform:"+tt.platform, label.Label{})
			if err != nil {
				t.Fatal(err)
			}
			patterns := []string{"@rules//library/..."}
			for _, name := range tt.without {
				patterns = append(patterns, "-@rules//library/"+name+"/...")
			}
			empty := &loadtest.Chunk{Files: map[string]string{"APPLIANCE.star": ""}}
			plan, err := analyzePatterns(empty.Open(t), platform, patterns...)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.Actions {
				for _, input := range a.HashedInputs() {
					applied[input.Path()] = true
				}
			}
		})
	}
	patches, err := filepath.Glob("library/*/patches/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	for _, p := range patches {
		if !applied[p] {
			t.Errorf("%s: no recipe applies it", p)
		}
	}
}
