package rules_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/analyze"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
)

// A khvmm with a toolchain from source; the edits are of these lines.
const rebuilt = `
load("@rules//appliance:defs.star", "appliance")

workspace(name = "test")

platform(
    name = "board",
    constraint_values = ["@rules//platform:optimize_size"],
    parents = ["@rules//platform:ppc440fp_musl"],
)

appliance(
    name = "node",
    platform = ":board",
    packages = ["@rules//library/zlib"],
)

appliance(
    name = "other",
    platform = "@rules//platform:ppc440fp_musl",
    packages = ["@rules//library/zlib"],
)
`

// Were this to fail, an edit would compile what it does not concern, or leave what
// it does.
func TestEditsRebuild(t *testing.T) {
	before := rebuiltPlan(t, rebuilt)
	for _, tt := range []struct {
		name, from, to string
		want           []string // mnemonics of what runs again, each once
	}{
		{
			"optimisation of one platform", "platform:optimize_size", "platform:optimize_speed",
			[]string{"BuildPackage", "CheckPackage", "ComposeRootfs", "Ext2Image", "Gzip", "PackagePart", "StripPackage", "UImage"},
		},
		{
			"one more package in one appliance", `packages = ["@rules//library/zlib"]`, `packages = ["@rules//library/zlib", "@rules//library/memstat"]`,
			[]string{
				"BuildPackage", "CheckPackage", "ComposeRootfs", "Ext2Image", "Fetch", "Gzip", "PackagePart", "PatchSource",
				"StripPackage", "UImage", "UnpackSource",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after := rebuiltPlan(t, strings.Replace(rebuilt, tt.from, tt.to, 1))
			again := rerun(t, before, after)
			if diff := cmp.Diff(tt.want, mnemonics(again)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, a := range again {
				if a.Mnemonic() == "BuildPackage" && strings.HasPrefix(tt.name, "one more") && a.Owner().Name() != "memstat" {
					t.Errorf("%s is compiled again", a.Owner())
				}
				if a.Owner().Name() == "other" {
					t.Errorf("%s of the other platform runs again", a.Mnemonic())
				}
			}
		})
	}
}

// Were this to fail, newer kernel headers would leave a C library that was
// compiled with older ones, or compile the compiler again, which does not read them.
func TestKernelHeadersRebuildTheToolchain(t *testing.T) {
	chunk := loadtest.Read(t, "toolchain/testdata/gcc_toolchain.star")[0]
	text := chunk.Files["APPLIANCE.star"]
	before, err := analyzeAll(chunk.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	chunk.Files["APPLIANCE.star"] = strings.Replace(text, `src = name + "_tree"`, `src = (name if name != "linux" else "newer") + "_tree"`, 1)
	chunk.Files["newer_tree/Makefile"] = "newer\n"
	after, err := analyzeAll(chunk.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range rerun(t, before, after) {
		if a.Owner().Name() != "musl_cc" && a.Owner().Name() != "world" {
			continue
		}
		if a.Mnemonic() == "ToolchainStage" || a.Mnemonic() == "BuildPackage" {
			got = append(got, a.Message())
		}
	}
	slices.Sort(got)
	want := []string{
		"build //:world", "build kernel_headers of //:musl_cc", "build libc of //:musl_cc", "build libgcc of //:musl_cc",
		"build libraries of //:musl_cc",
	}
	// musl is compiled without the kernel's headers, by a libgcc that may have changed.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func rebuiltPlan(t *testing.T, text string) *analyze.Plan {
	t.Helper()
	chunk := loadtest.Chunk{Files: map[string]string{"APPLIANCE.star": text}}
	plan, err := analyzeAll(chunk.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func mnemonics(actions []*action.Action) []string {
	var names []string
	for _, a := range actions {
		names = append(names, a.Mnemonic())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rerun is what of after is not cached once before was built, if whatever is made
// anew is different.
func rerun(t *testing.T, before, after *analyze.Plan) []*action.Action {
	t.Helper()
	done := map[[sha256.Size]byte]bool{}
	for _, print := range fingerprints(t, before) {
		done[print] = true
	}
	prints := fingerprints(t, after)
	return slices.DeleteFunc(slices.Clone(after.Actions), func(a *action.Action) bool { return done[prints[a]] })
}

// fingerprints tell actions apart that do something else, or the same to what
// another one made.
func fingerprints(t *testing.T, plan *analyze.Plan) map[*action.Action][sha256.Size]byte {
	t.Helper()
	makers := map[*action.Artifact]*action.Action{}
	for _, a := range plan.Actions {
		for _, out := range a.Outputs() {
			makers[out.Artifact] = a
		}
	}
	prints := map[*action.Action][sha256.Size]byte{}
	var visit func(a *action.Action) [sha256.Size]byte
	visit = func(a *action.Action) [sha256.Size]byte {
		if print, ok := prints[a]; ok {
			return print
		}
		var text strings.Builder
		if err := analyze.Print(&text, &analyze.Plan{Actions: []*action.Action{a}}); err != nil {
			t.Fatal(err)
		}
		for _, in := range a.HashedInputs() {
			if maker := makers[in]; maker != nil {
				print := visit(maker)
				text.Write(print[:])
			}
		}
		prints[a] = sha256.Sum256([]byte(text.String()))
		return prints[a]
	}
	for _, a := range plan.Actions {
		visit(a)
	}
	return prints
}
