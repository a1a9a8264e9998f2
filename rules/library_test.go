package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/load/loadtest"
)

// platforms and recipes that go with each other, all with all.
var (
	platforms = []string{"arm64", "ppc440fp", "ppc440fp_musl", "ppc440fp_uclibc", "x86_64", "x86_64_musl"}
	recipes   = []string{
		"bonnie++", "busybox", "bzip2", "dropbear", "htop", "libevent", "libxcrypt", "make", "memcached",
		"memstat", "nano", "ncurses", "screen", "strace", "which", "zlib",
	}
)

// Were this to fail, a recipe would be good for the platforms that somebody built
// it for, and an error about a select or a toolchain on all others.
func TestRecipesAreForEveryPlatform(t *testing.T) {
	var text strings.Builder
	text.WriteString("load(\"@rules//rootfs:defs.star\", \"rootfs\")\n\nworkspace(name = \"test\", default_platform = \"@rules//platform:x86_64\")\n\n")
	for _, platform := range platforms {
		fmt.Fprintf(&text, "rootfs(name = %q, platform = \"@rules//platform:%[1]s\", packages = [\"@rules//library/%s\"])\n",
			platform, strings.Join(recipes, `", "@rules//library/`))
	}
	chunk := loadtest.Chunk{Files: map[string]string{"APPLIANCE.star": text.String()}}
	plan, err := analyzeAll(chunk.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	builds := map[string]int{} // of each package
	for _, a := range plan.Actions {
		if a.Mnemonic() == "BuildPackage" {
			builds[a.Owner().String()]++
		}
	}
	for _, recipe := range recipes {
		owner := fmt.Sprintf("@rules//library/%s:%[1]s", recipe)
		if got := builds[owner]; got != len(platforms) {
			t.Errorf("%s is compiled for %d platforms, want %d", owner, got, len(platforms))
		}
	}
}
