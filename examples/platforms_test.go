package examples_test

import (
	"debug/elf"
	"path/filepath"
	"slices"
	"testing"
)

// probe is a package that two compilers build at once: the target's, whose
// programs end up on the machine, and that of the build's own helpers. crypt.h and
// libcrypt come with the C library of the latter alone; an absolute link in the
// sysroot would lead to it.
const probe = `all:
	echo 'int main(void) { return 0; }' >main.c
	$(CC) $(CFLAGS) $(LDFLAGS) -o program main.c -lm
	gcc -o helper main.c -lcrypt && ./helper
	echo '#include <crypt.h>' | gcc -E - >/dev/null
	! $(CC) -o wrong main.c -lcrypt
	! echo '#include <crypt.h>' | $(CC) -E - >/dev/null
	! find /sysroot -lname '/*' | grep .

install:
	mkdir -p $(DESTDIR)/usr/bin
	cp program $(DESTDIR)/usr/bin
`

// Were this to fail, headers and libraries of the machine that builds would get into
// the programs of the machine that is built. Where both are x86-64 nobody would
// see it before a library is missing at boot.
func TestCompilersOfTwoMachinesDoNotMix(t *testing.T) {
	w := newWorkspace(t)
	w.write("probe/tree/Makefile", probe)
	w.write("probe/APPLIANCE.star", `load("@rules//package:defs.star", "make_package")
load("@rules//rootfs:defs.star", "rootfs")
load("@rules//source:defs.star", "local_source")

local_source(name = "source", src = "tree", version = "1")

make_package(
    name = "probe",
    src = ":source",
    build_dir = "/src",
    license = "MIT",
    native_tools = True,
)

[rootfs(name = p, platform = "@rules//platform:" + p, packages = [":probe"]) for p in ["arm64", "ppc440fp", "x86_64"]]
`)
	for _, machine := range []struct {
		platform    string
		machine     elf.Machine
		interpreter string
	}{
		{"arm64", elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1"},
		{"ppc440fp", elf.EM_PPC, "/lib/ld.so.1"},
		{"x86_64", elf.EM_X86_64, "/lib64/ld-linux-x86-64.so.2"},
	} {
		t.Run(machine.platform, func(t *testing.T) {
			w.build("//probe:" + machine.platform)
			root := filepath.Join(w.dir, "out", "probe", machine.platform+".contents")
			program, err := elf.Open(filepath.Join(root, "usr/bin/program"))
			w.check(err)
			defer program.Close()
			if program.Machine != machine.machine || program.Type != elf.ET_DYN {
				t.Errorf("got %s %s, want %s %s", program.Machine, program.Type, machine.machine, elf.ET_DYN)
			}
			if got := interpreter(t, program); got != machine.interpreter {
				t.Errorf("its dynamic linker is %s, want %s", got, machine.interpreter)
			}
			linker, err := elf.Open(filepath.Join(root, machine.interpreter))
			w.check(err)
			defer linker.Close()
			if linker.Machine != machine.machine {
				t.Errorf("the dynamic linker is for %s", linker.Machine)
			}
		})
	}
}

// interpreter is the dynamic linker that a program asks for.
func interpreter(t *testing.T, program *elf.File) string {
	t.Helper()
	i := slices.IndexFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if i < 0 {
		return ""
	}
	path := make([]byte, program.Progs[i].Filesz)
	if _, err := program.Progs[i].ReadAt(path, 0); err != nil {
		t.Fatal(err)
	}
	return string(path[:len(path)-1]) // without its final NUL
}
