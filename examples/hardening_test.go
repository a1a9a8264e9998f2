package examples_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tool "github.com/kittyhawk/appliance/rules/tools/elf"
)

// guarded is a program, and libraries of the same source, whose function copies
// to an array: a stack protector and _FORTIFY_SOURCE have something to guard.
const guarded = `all: probe.c
	$(CC) $(CFLAGS) $(LDFLAGS) -o probe $<
	$(CC) $(CFLAGS) -fPIC $(LDFLAGS) -shared -Wl,-soname,libprobe.so.1 -o libprobe.so.1 $<
	$(CC) $(CFLAGS) -c -o probe.o $<
	$(AR) rcs libprobe.a probe.o

probe.c:
	echo '#include <stdio.h>' >$@
	echo '#include <string.h>' >>$@
	echo 'int copy(char *s) { char b[64]; strcpy(b, s); return puts(b); }' >>$@
	echo 'int main(int n, char **words) { return copy(words[0]); }' >>$@

install:
	mkdir -p $(DESTDIR)/usr/bin $(DESTDIR)/usr/lib
	cp probe $(DESTDIR)/usr/bin
	cp libprobe.so.1 libprobe.a probe.o $(DESTDIR)/usr/lib
`

// ofProbe is the rest of its build directory.
const ofProbe = `load("@rules//package:defs.star", "make_package")
load("@rules//rootfs:defs.star", "rootfs")
load("@rules//source:defs.star", "local_source")

local_source(name = "source", src = "tree", version = "1")

`

// Were this to fail, a platform's settings would be words, and a mistake in a
// program a way into the machine.
func TestHardeningReachesPrograms(t *testing.T) {
	w := newWorkspace(t)
	w.write("probe/tree/Makefile", guarded)
	w.write("probe/APPLIANCE.star", ofProbe+`
make_package(name = "probe", src = ":source", build_dir = "/src", license = "MIT")

_SETTINGS = {
    "fixed": ["optimize_speed", "pie_off"],
    "lax": ["fortify_off", "relro_off", "stack_protector_off"],
    "partial": ["relro_partial"],
    "strict": ["fortify_3", "stack_protector_all"],
}

[
    platform(
        name = name + "_platform",
        constraint_values = ["@rules//platform:" + value for value in values],
        parents = ["@rules//platform:ppc440fp"],
    )
    for name, values in _SETTINGS.items()
]

[rootfs(name = name, platform = ":%s_platform" % name, packages = [":probe"]) for name in _SETTINGS]

[rootfs(name = p, platform = "@rules//platform:" + p, packages = [":probe"]) for p in ["arm64", "ppc440fp", "x86_64"]]
`)
	const all = "__strcpy_chk stack relro now"
	for name, want := range map[string]struct{ program, library string }{
		"arm64":    {all + " pie", all},
		"fixed":    {all, all},
		"lax":      {"strcpy pie", "strcpy"},
		"partial":  {"__strcpy_chk stack relro pie", "__strcpy_chk stack relro"},
		"ppc440fp": {all + " pie", all},
		"strict":   {all + " pie", all},
		"x86_64":   {all + " pie", all},
	} {
		t.Run(name, func(t *testing.T) {
			w.of(t).build("//probe:" + name)
			contents := filepath.Join(w.dir, "out", "probe", name+".contents")
			for path, want := range map[string]string{"usr/bin/probe": want.program, "usr/lib/libprobe.so.1": want.library} {
				if got := strings.Join(protection(t, filepath.Join(contents, path)), " "); got != want {
					t.Errorf("/%s: got %q, want %q", path, got, want)
				}
			}
		})
	}
}

// protection is what a program or library was given by compiler and linker.
func protection(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var found []string
	symbols, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	imports := func(name string) bool {
		return slices.ContainsFunc(symbols, func(s elf.ImportedSymbol) bool { return s.Name == name })
	}
	dynamic := func(tag elf.DynTag, bit uint64) bool {
		values, err := f.DynValue(tag)
		if err != nil {
			t.Fatal(err)
		}
		return len(values) > 0 && values[0]&bit != 0
	}
	for _, fact := range []struct {
		name string
		is   bool
	}{
		{"strcpy", imports("strcpy")},
		{"__strcpy_chk", imports("__strcpy_chk")},
		{"stack", imports("__stack_chk_fail")},
		{"relro", slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_GNU_RELRO })},
		{"now", dynamic(elf.DT_FLAGS, uint64(elf.DF_BIND_NOW))},
		{"pie", f.Type == elf.ET_DYN && dynamic(elf.DT_FLAGS_1, uint64(elf.DF_1_PIE))},
		{"record", f.Section(".GCC.command.line") != nil},
	} {
		if fact.is {
			found = append(found, fact.name)
		}
	}
	return found
}

// What is kept for debuggers names no path of the build either, and what is not
// stripped has no record of the compiler's flags: the check of the package would
// say so.
func TestDebugInformationIsOfNoPlace(t *testing.T) {
	w := newWorkspace(t)
	w.write("probe/tree/Makefile", guarded)
	w.write("probe/APPLIANCE.star", ofProbe+`
load("@rules//package:defs.star", "package_part")

platform(name = "board", constraint_values = ["@rules//platform:debug_on"], parents = ["@rules//platform:ppc440fp"])

make_package(name = "probe", src = ":source", build_dir = "/src", license = "MIT")

make_package(name = "whole", src = ":source", build_dir = "/src", license = "MIT", strip = False)

package_part(name = "debug", package = ":probe", part = "debug")
`)
	w.flags = []string{"--platforms=//probe:board"}
	w.build("//probe:debug", "//probe:whole")
	whole := filepath.Join(w.dir, "out", "probe", "whole.runtime", "usr/bin/probe")
	for _, path := range []string{whole, filepath.Join(w.dir, "out", "probe", "probe.debug", "usr/lib/debug/usr/bin/probe.debug")} {
		f, err := elf.Open(path)
		w.check(err)
		defer f.Close()
		if f.Section(".debug_info") == nil || f.Section(".GCC.command.line") != nil {
			t.Errorf("%s has the sections %v", path, f.Sections)
		}
		b, err := os.Open(path)
		w.check(err)
		defer b.Close()
		found, err := tool.FindStrings(b, []string{"/build", "/src", "/sysroot"})
		w.check(err)
		if found != nil {
			t.Errorf("%s holds %v", path, found)
		}
	}
}

// Were these to pass, nobody would know which programs of an image are not what
// its platform says: makefiles that set flags of their own are everywhere.
func TestCarelessMakefilesAreFoundOut(t *testing.T) {
	w := newWorkspace(t)
	w.write("careless/tree/Makefile", "all:\n\techo 'int main(void) { return 0; }' >x.c\n\t$(BUILD)\n\ninstall:\n\tmkdir -p $(DESTDIR)/usr/lib\n\tcp x $(DESTDIR)/usr/lib\n")
	mistakes := []struct{ name, line, want string }{
		{"cflags", "$(CC) -O3 $(LDFLAGS) -o x x.c", `/usr/lib/x: compiled without -fstack-protector-strong, as "GNU C17 `},
		{"own", "$(CC) $(CFLAGS) -O3 -fno-stack-protector $(LDFLAGS) -o x x.c", `/usr/lib/x: compiled without -fstack-protector-strong, as "GNU C17 `},
		{"cc", "powerpc-linux-gcc $(CFLAGS) $(LDFLAGS) -o x x.c", "/usr/lib/x: nothing in it was compiled by $CC with its flags"},
		{"object", "powerpc-linux-gcc $(CFLAGS) -c -o x x.c", "/usr/lib/x: compiled, but not by $CC with its flags"},
		{"ldflags", "$(CC) $(CFLAGS) -o x x.c", "/usr/lib/x: functions are looked up when they are first called"},
		{"static", "$(CC) $(CFLAGS) $(LDFLAGS) -static -o x x.c", "/usr/lib/x: lies at a fixed address"},
		{"stack", "$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-z,execstack -o x x.c", "/usr/lib/x: asks for an executable stack"},
		{"rpath", "$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-rpath,/usr/lib/x -o x x.c", `/usr/lib/x: RUNPATH "/usr/lib/x": no RPATH is allowed`},
		{"paths", "$(CC) $(CFLAGS) -c x.c && echo see $$PWD/x.c >x", "/usr/lib/x: holds /src, a path of the build"},
	}
	text := ofProbe
	for _, m := range mistakes {
		text += "make_package(name = \"" + m.name + "\", src = \":source\", build_dir = \"/src\", license = \"MIT\", env = {\"BUILD\": \"\"\"" + m.line + "\"\"\"})\n"
	}
	w.write("careless/APPLIANCE.star", text+`
make_package(
    name = "declared",
    src = ":source",
    build_dir = "/src",
    license = "MIT",
    cflags = ["-O3"],
    env = {"BUILD": "$(CC) $(CFLAGS) $(LDFLAGS) -static -o x x.c"},
    check_exceptions = {"usr/lib/x": "pie: it runs before there is a loader"},
)
`)
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			w.of(t).wantFailure(m.want, "//careless:"+m.name)
		})
	}
	w.build("//careless:declared")
}

// Were this to fail, a program in C++ would not start, or every appliance would
// carry two megabytes for nothing.
func TestLibrariesComeOnDemand(t *testing.T) {
	w := newWorkspace(t)
	w.write("probe/tree/Makefile", `all:
	echo 'int main() { return 0; }' >plain.c
	$(CC) $(CFLAGS) $(LDFLAGS) -o plain plain.c
	echo '#include <iostream>' >hello.cc
	echo 'int main() { try { throw 1; } catch (int) { std::cout << "hello"; } }' >>hello.cc
	[ -z "$(CXX_TOO)" ] || $(CXX) $(CXXFLAGS) $(LDFLAGS) -o hello hello.cc

install:
	mkdir -p $(DESTDIR)/usr/bin
	cp plain $(DESTDIR)/usr/bin
	[ -z "$(CXX_TOO)" ] || cp hello $(DESTDIR)/usr/bin
`)
	w.write("probe/APPLIANCE.star", ofProbe+`
make_package(name = "c", src = ":source", build_dir = "/src", license = "MIT")

make_package(name = "cxx", src = ":source", build_dir = "/src", cxx = True, env = {"CXX_TOO": "yes"}, license = "MIT")

[
    rootfs(name = "%s_%s" % (p, package), platform = "@rules//platform:" + p, packages = [":" + package])
    for p in ["arm64", "ppc440fp", "x86_64"]
    for package in ["c", "cxx"]
]
`)
	libraries := []string{"libgcc_s.so.1", "libstdc++.so.6", "libatomic.so.1"}
	for _, platform := range []string{"arm64", "ppc440fp", "x86_64"} {
		for kind, want := range map[string][]string{"c": nil, "cxx": libraries[:2]} {
			t.Run(platform+"_"+kind, func(t *testing.T) {
				w := w.of(t)
				w.build("//probe:" + platform + "_" + kind)
				manifest := w.read("out/probe/" + platform + "_" + kind + ".manifest")
				var got []string
				for _, name := range libraries {
					if strings.Contains(manifest, "/lib/"+name) {
						got = append(got, name)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// of is the workspace for a part of a test.
func (w *workspace) of(t *testing.T) *workspace {
	return &workspace{t: t, dir: w.dir, flags: w.flags}
}
