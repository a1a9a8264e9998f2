package elf

import (
	"context"
	"debug/elf"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

const powerArguments = `{"elf_machine":"EM_PPC","elf_class":"ELFCLASS32","elf_data":"ELFDATA2MSB","build_paths":["/build","/sysroot"]}`

// A package whose programs would fail on the machine, or that has paths of the
// build in it, must not get into an appliance.
func TestToolRefuses(t *testing.T) {
	strange, runPath, leaky := intel, power, power

	runPath.dynamic = []dynamicString{{elf.DT_RUNPATH, "/usr/lib/there:/sysroot/usr/lib"}}
	leaky.interp = "/build/ld.so"
	for _, test := range []struct {
		name, path, content, want string
	}{
		{"machine", "usr/bin/p", string(strange.build()), "/usr/bin/p: built for EM_X86_64"},
		{"runpath", "usr/bin/p", string(runPath.build()), `/usr/bin/p: RUNPATH "/sysroot/usr/lib": not in the image`},
		{"path", "usr/bin/p", string(leaky.build()), "/usr/bin/p: holds /build, a path of the build"},
		{"text", "usr/lib/pkgconfig/p.pc", "libdir=/sysroot/usr/lib\n", "/usr/lib/pkgconfig/p.pc: holds /sysroot"},
		{"damaged", "usr/bin/p", elf.ELFMAG + "nonsense", "/usr/bin/p: damaged ELF file"},
		{"archive", "usr/lib/p.a", archiveMagic + "nonsense", "/usr/lib/p.a: damaged archive"},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := treetest.New(powerArguments)
			call.AddTree("tree", "//:p", map[string]string{test.path: "file " + test.content, "usr/lib/there/x": "file "})
			err := Tool().Run(context.Background(), call)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if len(call.Outputs) > 0 {
				t.Error("there is an output in spite of it")
			}
		})
	}
}

// What is in order comes out as it went in.
func TestToolPasses(t *testing.T) {
	good := power

	good.dynamic = []dynamicString{{elf.DT_RUNPATH, "$ORIGIN/../lib/there"}}
	call := treetest.New(powerArguments)
	call.AddTree("tree", "//:p", map[string]string{
		"usr/bin/p":       "exec " + string(good.build()),
		"usr/lib/there/x": "file text with /build in it",
		"etc/short":       "file x",
	})
	if err := Tool().Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	if got := call.Outputs["tree"]; got != call.Inputs("tree")[0].Node {
		t.Errorf("got another tree: %v", got)
	}
}

func TestParseWant(t *testing.T) {
	w, err := ParseWant("EM_PPC", "ELFCLASS32", "ELFDATA2MSB")
	if err != nil || w.Machine != elf.EM_PPC || w.Class != elf.ELFCLASS32 || w.Data != elf.ELFDATA2MSB {
		t.Errorf("got %+v, %v", w, err)
	}
	if _, err := ParseWant("EM_PPD", "ELFCLASS32", "ELFDATA2MSB"); err == nil || !strings.Contains(err.Error(), `"EM_PPD"`) {
		t.Errorf("got %v", err)
	}
}
