package elf

import (
	"context"
	"debug/elf"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

const powerArguments = `{"elf_machine":"EM_PPC","elf_class":"ELFCLASS32","elf_data":"ELFDATA2MSB","build_paths":["/build","/sysroot"],
	"flags":["-mcpu=440fp","-pipe","-Os"],"relro":true,"now":true,"pie":true`

// declaring is powerArguments with these exceptions.
func declaring(exceptions string) string {
	return powerArguments + `,"exceptions":{` + exceptions + `}}`
}

// goodProgram is in order, as it ships.
func goodProgram() spec {
	s, stack := power, elf.PF_R|elf.PF_W
	s.stack, s.relro, s.dtFlags, s.dtFlags1 = &stack, true, elf.DF_BIND_NOW, elf.DF_1_PIE
	s.dynamic = []dynamicString{{elf.DT_NEEDED, "libc.so.6"}}
	return s
}

// withRecord is a file before it is stripped.
func withRecord(s spec, calls ...string) string {
	s.sections = []section{{recordedSection, elf.SHT_PROGBITS, []byte(strings.Join(calls, "\x00") + "\x00")}}
	return string(s.build())
}

// A package whose programs would fail on the machine, that are less hardened than
// its platform says, or that has paths of the build in it, must not get into an
// appliance.
func TestToolRefuses(t *testing.T) {
	strange, runPath, leaky, fixed := intel, goodProgram(), goodProgram(), goodProgram()
	runPath.dynamic = []dynamicString{{elf.DT_RUNPATH, "$ORIGIN/../lib"}}
	leaky.interp = "/build/ld.so"
	fixed.typ, fixed.dtFlags1 = elf.ET_EXEC, 0
	good := string(goodProgram().build())
	for _, test := range []struct {
		name, path, content, compiled, want string
	}{
		{"machine", "usr/bin/p", string(strange.build()), "", "/usr/bin/p: built for EM_X86_64"},
		{"runpath", "usr/bin/p", string(runPath.build()), "", `/usr/bin/p: RUNPATH "$ORIGIN/../lib": no RPATH is allowed`},
		{"path", "usr/bin/p", string(leaky.build()), "", "/usr/bin/p: holds /build, a path of the build"},
		{"text", "usr/lib/pkgconfig/p.pc", "libdir=/sysroot/usr/lib\n", "", "/usr/lib/pkgconfig/p.pc: holds /sysroot"},
		{"any text", "etc/x", "see /build/x", "", "/etc/x: holds /build"},
		{"damaged", "usr/bin/p", elf.ELFMAG + "nonsense", "", "/usr/bin/p: damaged ELF file"},
		{"archive", "usr/lib/p.a", archiveMagic + "nonsense", "", "/usr/lib/p.a: damaged archive"},
		{"libtool", "usr/lib/libp.la", "", "", "/usr/lib/libp.la: libtool's file"},
		{"pie", "usr/bin/p", string(fixed.build()), "", `/usr/bin/p: lies at a fixed address: it is linked with -static or -no-pie, or not with LDFLAGS
what has to be as it is can be declared: check_exceptions = {"usr/bin/p": "pie: REASON"}`},
		{"flags", "usr/bin/p", good, withRecord(goodProgram(), "GNU C17 12.2.0 -mcpu=440fp -O2"), `/usr/bin/p: compiled without -Os, as "GNU C17 12.2.0 -mcpu=440fp -O2"`},
		{"no flags", "usr/bin/p", good, good, "/usr/bin/p: nothing in it was compiled by $CC"},
		{"record", "usr/bin/p", withRecord(goodProgram(), recordedSize), "", "/usr/bin/p: still has a section .GCC.command.line"},
		{"member", "usr/lib/p.a", archiveMagic, archiveMagic + string(member("m.o/", []byte(withRecord(power, "GNU C17 12.2.0 -mcpu=440fp")))),
			`/usr/lib/p.a(m.o): compiled without -Os, as "GNU C17 12.2.0 -mcpu=440fp": is CFLAGS not used, or changed?
what has to be as it is can be declared: check_exceptions = {"usr/lib/p.a": "optimize: REASON"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := treetest.New(declaring(""))
			call.AddTree("tree", "//:p", map[string]string{test.path: "file " + test.content})
			if test.compiled != "" {
				call.AddTree("compiled", "//:p", map[string]string{test.path: "file " + test.compiled})
			}
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

// Who cannot declare exceptions is not told to.
func TestToolRefusesWithoutExceptions(t *testing.T) {
	call := treetest.New(powerArguments + "}")
	call.AddTree("tree", "//:p", map[string]string{"etc/x": "file see /build/x"})
	err := Tool().Run(context.Background(), call)
	if err == nil || !strings.Contains(err.Error(), "/etc/x: holds /build") || strings.Contains(err.Error(), "check_exceptions") {
		t.Fatalf("got %v", err)
	}
}

// A link is a file, too.
func TestToolRefusesLinksToTheBuild(t *testing.T) {
	call := treetest.New(declaring(""))
	call.AddTree("tree", "//:p", map[string]string{"usr/lib/libp.so": "link /build/libp.so.1"})
	err := Tool().Run(context.Background(), call)
	if err == nil || !strings.Contains(err.Error(), "/usr/lib/libp.so: holds /build") {
		t.Fatalf("got %v", err)
	}
}

// What is in order, or declared, comes out as it went in.
func TestToolPasses(t *testing.T) {
	good, old := goodProgram(), power
	call := treetest.New(declaring(`"usr/bin/old":"stack, compiler: bought","usr/share":"paths: its own directory","usr/lib/*.a":"optimize: for speed"`))
	call.AddTree("tree", "//:p", map[string]string{
		"usr/bin/p":       "exec " + string(good.build()),
		"usr/bin/old":     "exec " + string(old.build()),
		"usr/share/p/doc": "file text with /build in it",
		"usr/lib/p.a":     "file " + archiveMagic,
		"usr/bin/q":       "link p",
		"etc/short":       "file x",
	})
	call.AddTree("compiled", "//:p", map[string]string{
		"usr/bin/p":   "exec " + withRecord(good, recordedSize, recordedSize),
		"usr/bin/old": "exec " + string(old.build()),
		"usr/lib/p.a": "file " + archiveMagic + string(member("m.o/", []byte(withRecord(power, recordedSpeed)))),
	})
	if err := Tool().Run(context.Background(), call); err != nil {
		t.Fatal(err)
	}
	if got := call.Outputs["tree"]; got != call.Inputs("tree")[0].Node {
		t.Errorf("got another tree: %v", got)
	}
}

// An exception that no file needs any more hides the next mistake.
func TestToolRefusesUselessExceptions(t *testing.T) {
	call := treetest.New(declaring(`"usr/lib/gone.a":"cpu: why"`))
	call.AddTree("tree", "//:p", map[string]string{"etc/x": "file x"})
	err := Tool().Run(context.Background(), call)
	if want := `check_exceptions: "usr/lib/gone.a" matches no file`; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
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
