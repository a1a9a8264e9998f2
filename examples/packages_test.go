package examples_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// newPackages is a workspace with testdata/packages.txtar in //packages.
func newPackages(t *testing.T) *workspace {
	t.Helper()
	w := newWorkspace(t)
	archive, err := txtar.ParseFile(filepath.Join("testdata", "packages.txtar"))
	w.check(err)
	for _, f := range archive.Files {
		w.write(filepath.Join("packages", f.Name), string(f.Data))
	}
	w.check(os.Chmod(filepath.Join(w.dir, "packages", "decoy", "usr", "bin", "decoy-config"), 0o755))
	return w
}

// installed is the path of a file that a package installs.
func (w *workspace) installed(pkg, name string) string {
	return filepath.Join(w.dir, "out", "packages", pkg+".runtime", filepath.FromSlash(name))
}

// program opens a program that a package installs.
func (w *workspace) program(pkg, name string) *elf.File {
	w.t.Helper()
	program, err := elf.Open(w.installed(pkg, name))
	w.check(err)
	w.t.Cleanup(func() { program.Close() })
	return program
}

// Were this to fail, cmake and meson would compile with headers and link with
// libraries of the machine that builds: find_library, find_package, dependency and
// their kin see what dependencies install, and nothing of the tool roots. The
// projects themselves check what they find.
func TestGeneratedFilesHideTheExecPlatform(t *testing.T) {
	for platform, machine := range map[string]elf.Machine{"ppc440fp": elf.EM_PPC, "x86_64": elf.EM_X86_64} {
		t.Run(platform, func(t *testing.T) {
			w := newPackages(t)
			w.build("//packages:with_cmake", "//packages:with_meson", "--platforms=@rules//platform:"+platform)
			for _, pkg := range []string{"with_cmake", "with_meson"} {
				program := w.program(pkg, "usr/bin/program")
				if program.Machine != machine {
					t.Errorf("%s: the program is for %s, want %s", pkg, program.Machine, machine)
				}
				libraries, err := w.program(pkg, "usr/lib/libown.so.1").ImportedLibraries()
				w.check(err)
				if got, want := strings.Join(libraries, " "), "libreal.so.1 libm.so.6"; got != want {
					t.Errorf("%s: libown.so.1 needs %s, want %s", pkg, got, want)
				}
				for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
					if paths, err := program.DynString(tag); err != nil || len(paths) > 0 {
						t.Errorf("%s: %s is %q (%v), want none", pkg, tag, paths, err)
					}
				}
			}
		})
	}
}

// Were this to fail, projects that do not say that they are in C would want a C++
// compiler, or those in C++ would get that of the exec platform; and nobody
// would know what to answer for a program that cannot run.
func TestCmakeAsksForWhatIsMissing(t *testing.T) {
	w := newPackages(t)
	w.wantFailure("there is C++ to compile: set cxx = True", "//packages:without_cxx")
	w.wantFailure("say in defines what they would answer, by these names:\n", "//packages:runs")
	w.wantFailure("\n    ANSWER_EXITCODE\n", "//packages:runs")
	w.build("//packages:told", "//packages:with_cxx")
	if m := w.program("with_cxx", "usr/bin/program").Machine; m != elf.EM_PPC {
		t.Errorf("the program is for %s, want %s", m, elf.EM_PPC)
	}
}

// Were this to fail, programs in Go would not be for the machine, would want a C
// library, would name paths of the build, or would be made of modules that
// nobody declared.
func TestGoPackages(t *testing.T) {
	w := newPackages(t)
	w.build("//packages:with_go", "//packages:with_module", "--platforms=@rules//platform:x86_64")
	for _, run := range []struct{ pkg, path, want string }{
		{"with_go", "usr/bin/hello", "good morning vendor\n"},
		{"with_go", "usr/bin/tagged", "example.org/with_go/cmd/tagged/main.go\n"},
		{"with_module", "usr/bin/hello", "hello module\n"},
	} {
		program := w.program(run.pkg, run.path)
		if program.Machine != elf.EM_X86_64 {
			t.Errorf("%s is for %s, want %s", run.path, program.Machine, elf.EM_X86_64)
		}
		if program.Section(".interp") != nil || program.Section(".symtab") != nil {
			t.Errorf("%s: it is not static, or not stripped", run.path)
		}
		if runtime.GOARCH != "amd64" {
			continue
		}
		out, err := exec.Command(w.installed(run.pkg, run.path)).CombinedOutput()
		if err != nil || string(out) != run.want {
			t.Errorf("%s of %s prints %q (%v), want %q", run.path, run.pkg, out, err, run.want)
		}
	}
	w.wantFailure("modules are taken from the directory vendor", "//packages:without_module", "--platforms=@rules//platform:x86_64")
}

// Were this to fail, one of the kinds of packages could not be built as it comes
// with the program.
func TestRecipesOfCmakeMesonAndGo(t *testing.T) {
	w := newWorkspace(t)
	w.build("@rules//library/lz4", "@rules//library/mosquitto")
	w.build("@rules//library/websocketd", "--platforms=@rules//platform:x86_64")
	library := filepath.Join(w.dir, "out", "@rules", "library")
	for _, name := range []string{"lz4/lz4.runtime/usr/bin/lz4", "mosquitto/mosquitto.runtime/usr/sbin/mosquitto"} {
		program, err := elf.Open(filepath.Join(library, name))
		w.check(err)
		defer program.Close()
		if program.Machine != elf.EM_PPC {
			t.Errorf("%s is for %s, want %s", name, program.Machine, elf.EM_PPC)
		}
	}
	if runtime.GOARCH != "amd64" {
		return
	}
	out, err := exec.Command(filepath.Join(library, "websocketd/websocketd.runtime/usr/bin/websocketd"), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "websocketd 0.4.1 ") {
		t.Errorf("websocketd --version: %v\n%s", err, out)
	}
}
