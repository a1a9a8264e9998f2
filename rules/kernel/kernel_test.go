// Package kernel_test builds kernels with the real program: not Linux, which takes
// minutes, but sources with as much of its makefile as the rules call.
//
// It uses the cache of whoever runs it; with an empty one it downloads the tool
// roots. Without a mirror, with -short or with APPLIANCE_TEST_OFFLINE it is
// skipped.
package kernel_test

import (
	"context"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/sandbox"
	"github.com/kittyhawk/appliance/rules/judge"
)

// program is the path of the built program, "" where nothing is to be built.
var program string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	sandbox.Main() // sandbox.Check starts this program
	flag.Parse()
	if testing.Short() || os.Getenv("APPLIANCE_TEST_OFFLINE") != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "appliance-kernel-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "appliance")
	if err := judge.Compile(program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// open writes the workspace of testdata/fake.
func open(t *testing.T) (dir string) {
	t.Helper()
	if program == "" {
		t.Skip("builds tool roots")
	}
	dir = t.TempDir()
	for _, problem := range sandbox.Check(context.Background(), dir) {
		t.Skip(problem)
	}
	for name, text := range loadtest.Read(t, "testdata/fake/fake.star")[0].Files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// build returns what the program says, and whether it succeeded.
func build(t *testing.T, dir string, targets ...string) (string, bool) {
	t.Helper()
	out, err := exec.Command(program, append([]string{"-C", dir, "build", "--ui=plain", "--keep_going"}, targets...)...).CombinedOutput()
	if strings.Contains(string(out), "no server could be reached") || strings.Contains(string(out), "no mirror \"debian\" is known") {
		t.Skip("no mirror can be reached")
	}
	return string(out), err == nil
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A kernel comes out with all that belongs to it, and an image that it can boot
// with the words for its command line.
func TestBuild(t *testing.T) {
	dir := open(t)
	if out, ok := build(t, dir, "//:good", "//:boot"); !ok {
		t.Fatal(out)
	}
	out := filepath.Join(dir, "out")
	for name, want := range map[string]string{
		"good.release":         "6.1.176-lab\n",
		"good.dtbs/bamboo.dtb": "powerpc appliance\n",
		"boot.cmdline":         "root=/dev/ram0 rw ramdisk_size=",
	} {
		if got := read(t, out, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if config := read(t, out, "good.config"); !strings.Contains(config, "CONFIG_EXT2_FS=y\n") {
		t.Errorf("the configuration is %q", config)
	}
	if image := read(t, out, "good.uimage"); !strings.Contains(image[:64], "Linux-6.1.176") {
		t.Errorf("the uImage begins with %q", image[:64])
	}
	kernel, err := elf.Open(filepath.Join(out, "good.vmlinux"))
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	if kernel.Machine != elf.EM_PPC || kernel.Section(".symtab") != nil {
		t.Errorf("the kernel is for %v; its symbols are %v", kernel.Machine, kernel.Section(".symtab"))
	}
}

// Another comment in a fragment is another configuration's source, and the same
// configuration: nothing is compiled.
func TestCommentCompilesNothing(t *testing.T) {
	dir := open(t)
	fragment := filepath.Join(dir, "fragment")
	if out, ok := build(t, dir, "//:good"); !ok {
		t.Fatal(out)
	}
	// Not the same comment twice: the cache is the user's.
	comment := "# " + dir + "\n"
	if err := os.WriteFile(fragment, []byte(comment+read(t, fragment)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, ok := build(t, dir, "//:good")
	if !ok || !strings.Contains(out, "configure //:good") || strings.Contains(out, "build //:good") {
		t.Errorf("want it configured and not built, got\n%s", out)
	}
}

// What is wrong with a kernel, or with an image for it, is told with the line or
// the option to change.
func TestRefusals(t *testing.T) {
	dir := open(t)
	out, ok := build(t, dir, "//:all")
	if ok {
		t.Error("want a failure")
	}
	for _, want := range []string{
		"/config/lost.fragment:2: \"CONFIG_NONSENSE=y\" did not survive; the configuration has nothing: no such symbol, or something that it depends on is off",
		"the sources are version 6.1.176, want 6.1.175: change the attribute version",
		"//:boot_bare: CheckBoot failed: the kernel cannot boot the image:",
		"CONFIG_EXT2_FS is not set: it has no driver for the file system of the image",
		"CONFIG_RD_GZIP is not set: it cannot unpack the image, which is compressed with gzip",
		"the machine has 8 MiB of RAM, and it takes ",
		"hint: add to a fragment of the kernel: CONFIG_BINFMT_ELF=y",
		"//:boot_empty: CheckBoot failed: the kernel cannot boot the image:\n    the image has no /sbin/init, /etc/init, /bin/init: the kernel would have nothing to start",
		"//:boot_limit: CheckBoot failed: the kernel cannot boot the image:\n    the file system does not fit into the RAM disk",
		"//:boot_other: CheckBoot failed: the kernel cannot boot the image:\n",
		"the kernel is for powerpc, the image for x86",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
