// Package examples_test builds the examples with the real program: what the README
// promises, on real packages.
//
// It uses the cache of whoever runs it (APPLIANCE_CACHE, or the default place): with an empty
// one it downloads and compiles everything, which takes minutes, with a
// warm one it takes seconds. Sources are copied; the workspace stays as it is.
package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/kittyhawk/appliance/engine" // so that go test knows of what the program is made
	"github.com/kittyhawk/appliance/engine/sandbox"
	_ "github.com/kittyhawk/appliance/rules"
	"github.com/kittyhawk/appliance/rules/judge"
)

// program is the path of the built program, "" in short mode.
var program string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	sandbox.Main() // sandbox.Check starts this program
	flag.Parse()
	if testing.Short() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "appliance-examples-")
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

// A workspace is a copy of the example that tests may edit.
type workspace struct {
	t     *testing.T
	dir   string
	flags []string
}

const khvmm = "//examples/khvmm:khvmm"

// images are the actions from the layers to the uImage.
var images = []string{
	khvmm + " ComposeRootfs",
	khvmm + ".ext2 Ext2Image",
	khvmm + ".ext2.gz Gzip",
	khvmm + ".uimage UImage",
}

// newWorkspace skips the test where real packages are not to be built or cannot be.
func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	if testing.Short() {
		t.Skip("builds real packages")
	}
	for _, problem := range sandbox.Check(context.Background(), t.TempDir()) {
		t.Skip(problem)
	}
	w := &workspace{t: t, dir: t.TempDir()}
	w.write("APPLIANCE.star", `workspace(name = "copy", default_platform = "@rules//platform:ppc440fp")`+"\n")
	w.check(os.CopyFS(filepath.Join(w.dir, "examples", "khvmm"), os.DirFS("khvmm")))
	return w
}

func (w *workspace) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *workspace) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.check(os.MkdirAll(filepath.Dir(path), 0o755))
	w.check(os.WriteFile(path, []byte(text), 0o644))
}

func (w *workspace) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	w.check(err)
	return string(text)
}

// edit replaces text in a file of the example and returns how to undo it.
func (w *workspace) edit(name, old, new string) (undo func()) {
	w.t.Helper()
	name = filepath.Join("examples", "khvmm", name)
	text := w.read(name)
	if strings.Count(text, old) != 1 {
		w.t.Fatalf("%s: %q is there %d times, want once", name, old, strings.Count(text, old))
	}
	w.write(name, strings.Replace(text, old, new, 1))
	return func() { w.write(name, text) }
}

// out is a file that was built.
func (w *workspace) out(name string) string {
	w.t.Helper()
	return w.read(filepath.Join("out", "examples", "khvmm", name))
}

// built is what a build did.
type built struct {
	actions map[string]string // "OWNER MNEMONIC" by key
	ran     []string          // keys
}

// build builds targets.
func (w *workspace) build(targets ...string) built {
	w.t.Helper()
	events := filepath.Join(w.t.TempDir(), "events")
	flags := append([]string{"-C", w.dir, "build", "--ui=plain", "--build_event_json_file=" + events}, w.flags...)
	if out, err := exec.Command(program, append(flags, targets...)...).CombinedOutput(); err != nil {
		w.t.Fatalf("build %q: %v\n%s", targets, err, out)
	}
	b := built{actions: map[string]string{}}
	f, err := os.Open(events)
	w.check(err)
	defer f.Close()
	w.check(b.readEvents(f))
	return b
}

// wantFailure builds targets and checks that the failure is told with these words.
func (w *workspace) wantFailure(want string, targets ...string) {
	w.t.Helper()
	out, err := exec.Command(program, append([]string{"-C", w.dir, "build", "--ui=plain"}, targets...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		w.t.Errorf("build %q: %v\n%s\nwant %q", targets, err, out, want)
	}
}

func (b *built) readEvents(r io.Reader) error {
	decoder := json.NewDecoder(bufio.NewReader(r))
	for {
		var e struct{ Event, Owner, Mnemonic, Key, Outcome string }
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Event != "finished" {
			continue
		}
		b.actions[e.Key] = e.Owner + " " + e.Mnemonic
		if e.Outcome == "ran" {
			b.ran = append(b.ran, e.Key)
		}
	}
}

// beyond are the actions that b needs and base did not: what runs
// after base, unless somebody had built it before.
func (b built) beyond(base built) []string {
	added := map[string]bool{}
	for key, action := range b.actions {
		if _, ok := base.actions[key]; !ok {
			added[action] = true
		}
	}
	return slices.Sorted(maps.Keys(added))
}

// wantBeyond checks that an edit costs exactly these actions.
func wantBeyond(t *testing.T, b, base built, want ...string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if got := b.beyond(base); !slices.Equal(got, want) {
		t.Errorf("needs %q\nwant %q", got, want)
	}
	for _, key := range b.ran {
		if _, ok := base.actions[key]; ok {
			t.Errorf("%s ran again", b.actions[key])
		}
	}
}

// Were this to fail, an edit of the example would cost more than the README says, up to the hour
// of a distclean, or would not reach the image.
func TestKhvmmRebuildsExactly(t *testing.T) {
	w := newWorkspace(t)
	all := []string{khvmm + ".uimage", khvmm + ".ext2", khvmm}
	base := w.build(all...)
	image := w.out("khvmm.uimage")
	same := func(t *testing.T) {
		t.Helper()
		if b := w.build(all...); len(b.ran) > 0 || len(b.beyond(base)) > 0 {
			t.Errorf("%d ran, needs %q", len(b.ran), b.beyond(base))
		}
		if w.out("khvmm.uimage") != image {
			t.Error("another image")
		}
	}
	t.Run("nothing", same)

	t.Run("overlay file", func(t *testing.T) {
		undo := w.edit("overlay/etc/init.d/S50memcached", "-m 64", "-m 32")
		wantBeyond(t, w.build(all...), base, images...)
		if !strings.Contains(w.out("khvmm.ext2"), "-u memcached -m 32\n") {
			t.Error("the new text is not in the image")
		}
		undo()
		same(t)
	})

	t.Run("password", func(t *testing.T) {
		undo := w.edit("APPLIANCE.star", "$6$khvmmkehne$Hc3R", "$6$khvmmkehne$Hc3S")
		wantBeyond(t, w.build(all...), base, images...)
		if !strings.Contains(w.out("khvmm.ext2"), "kehne:$6$khvmmkehne$Hc3S") {
			t.Error("the new hash is not in the image")
		}
		undo()
		same(t)
	})

	t.Run("package removed", func(t *testing.T) {
		undo := w.edit("APPLIANCE.star", `        "@rules//library/memcached",`+"\n", "")
		wantBeyond(t, w.build(all...), base, images...)
		for _, gone := range []string{"/usr/bin/memcached", "libevent", "@rules//library/memcached"} {
			if strings.Contains(w.out("khvmm.manifest"), gone) {
				t.Errorf("%s is still in the manifest", gone)
			}
		}
		// An entry of a directory is a length, a type and the name.
		const entry = "\x09\x01memcached"
		if strings.Contains(w.out("khvmm.ext2"), entry) {
			t.Error("memcached is still in a directory of the image")
		}
		undo()
		same(t)
		if !strings.Contains(w.out("khvmm.ext2"), entry) {
			t.Error("memcached is in no directory of the image")
		}
	})

	t.Run("busybox fragment", func(t *testing.T) {
		undo := w.edit("busybox.fragment", "CONFIG_TELNET=y\n", "# CONFIG_TELNET is not set\n")
		b := w.build(all...)
		const busybox = "//examples/khvmm:busybox "
		wantBeyond(t, b, base, append([]string{
			busybox + "BuildPackage", busybox + "CheckPackage", busybox + "ConfigurePackage", busybox + "PackagePart", busybox + "StripPackage",
		}, images...)...)
		if strings.Contains(w.out("khvmm.manifest"), "/usr/bin/telnet\t") {
			t.Error("telnet is still in the manifest")
		}
		undo()
		same(t)
	})
}

// Were this to fail, ten appliances would cost ten times the packages: a second one for the
// same machine costs its own root file system and images.
func TestSecondApplianceSharesPackages(t *testing.T) {
	w := newWorkspace(t)
	base := w.build(khvmm + ".uimage")
	w.write("second/APPLIANCE.star", `load("@rules//appliance:defs.star", "appliance")

appliance(
    name = "second",
    platform = "@rules//platform:ppc440fp",
    packages = ["//examples/khvmm:busybox", "@rules//library/dropbear", "@rules//library/memcached"],
    getty = "ttyS1:9600",
)
`)
	b := w.build("//second:second.uimage", khvmm+".uimage")
	wantBeyond(t, b, base,
		"//second:second ComposeRootfs", "//second:second.ext2 Ext2Image", "//second:second.ext2.gz Gzip", "//second:second.uimage UImage")
}

// Were this to fail, appliances that configure busybox in the same way, each in a file of its own,
// would each compile it.
func TestEqualConfigurationsShareBusybox(t *testing.T) {
	w := newWorkspace(t)
	base := w.build(khvmm)
	w.write("second/APPLIANCE.star", `load("@rules//library/busybox:defs.star", "busybox")

busybox(name = "small", fragments = ["netcat.fragment", "telnet.fragment"])
`)
	w.write("second/netcat.fragment", "CONFIG_NC=y\n")
	w.write("second/telnet.fragment", "CONFIG_TELNET=y\n")
	wantBeyond(t, w.build("//second:small", khvmm), base, "//second:small ConfigurePackage")

	w.write("second/telnet.fragment", "# A comment.\nCONFIG_TELNETT=y\n")
	w.wantFailure(`/config/second/telnet.fragment:2: "CONFIG_TELNETT=y" did not survive`, "//second:small")
}

// Were this to fail, khvmm's users could not log in, or anybody could: owners and
// modes of what matters, as a machine sees them. A mode from a build disk would show here.
func TestKhvmmManifest(t *testing.T) {
	w := newWorkspace(t)
	w.build(khvmm, khvmm+".uimage")
	inodes := map[string]string{}
	for line := range strings.Lines(w.out("khvmm.manifest")) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) > 6 {
			inodes[f[5]] = strings.Join(slices.Concat(f[:5], f[6:7]), " ") // type mode uid gid device target
		}
	}
	for path, want := range map[string]string{
		"/":                                "d 0755 0 0 - -",
		"/bin/busybox":                     "f 4755 0 0 - -",
		"/bin/sh":                          "l 0777 0 0 - busybox",
		"/dev/console":                     "c 0600 0 0 5:1 -",
		"/dev/null":                        "c 0666 0 0 1:3 -",
		"/dev/ram0":                        "b 0600 0 0 1:0 -",
		"/dev/ttyS0":                       "c 0600 0 0 4:64 -",
		"/etc/dropbear":                    "d 0755 0 0 - -",
		"/etc/group":                       "f 0644 0 0 - -",
		"/etc/gshadow":                     "f 0600 0 0 - -",
		"/etc/hostname":                    "f 0644 0 0 - -",
		"/etc/init.d/S40dropbear":          "f 0755 0 0 - -",
		"/etc/init.d/S50memcached":         "f 0755 0 0 - -",
		"/etc/init.d/rcS":                  "f 0755 0 0 - -",
		"/etc/init.d/S01logging":           "f 0755 0 0 - -",
		"/etc/inittab":                     "f 0644 0 0 - -",
		"/etc/passwd":                      "f 0644 0 0 - -",
		"/etc/shadow":                      "f 0600 0 0 - -",
		"/home/kehne":                      "d 0700 1000 1000 - -",
		"/home/kehne/.ssh":                 "d 0700 1000 1000 - -",
		"/home/kehne/.ssh/authorized_keys": "f 0600 1000 1000 - -",
		"/lib/ld.so.1":                     "f 0755 0 0 - -",
		"/proc":                            "d 0555 0 0 - -",
		"/root":                            "d 0700 0 0 - -",
		"/sbin/init":                       "l 0777 0 0 - ../bin/busybox",
		"/tmp":                             "d 1777 0 0 - -",
		"/usr/bin/memcached":               "f 0755 0 0 - -",
		"/usr/sbin/dropbear":               "l 0777 0 0 - /usr/bin/dropbearmulti",
		"/var/empty":                       "d 0555 0 0 - -",
		"/var/spool/cron/crontabs":         "d 0700 0 0 - -",
	} {
		if got := inodes[path]; got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	w.wantOnlyDeclared(inodes)
	w.wantTexts()
	if size := len(w.out("khvmm.uimage")); size > 8<<20 {
		t.Errorf("the uImage has %d bytes, khvmm's ramdisk 8 MiB", size)
	}
}

// wantOnlyDeclared checks that nobody but busybox is setuid or setgid, and that
// only /tmp and the like can be written to by everybody.
func (w *workspace) wantOnlyDeclared(inodes map[string]string) {
	w.t.Helper()
	for path, inode := range inodes {
		kind, mode := inode[0], inode[2:6]
		if kind == 'l' {
			continue
		}
		if strings.ContainsAny(mode[:1], "234567") && path != "/bin/busybox" {
			w.t.Errorf("%s has mode %s", path, mode)
		}
		if strings.ContainsAny(mode[3:], "2367") && kind != 'c' && mode != "1777" {
			w.t.Errorf("%s can be written to by everybody: %s", path, mode)
		}
	}
}

// wantTexts checks the files that let people in.
func (w *workspace) wantTexts() {
	w.t.Helper()
	for name, want := range map[string]string{
		"etc/hostname":                    "khvmm\n",
		"etc/issue":                       "Welcome to khvmm\n",
		"home/kehne/.ssh/authorized_keys": w.read("examples/khvmm/kehne.pub"),
	} {
		if got := w.out("khvmm.contents/" + name); got != want {
			w.t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, line := range map[string]string{
		"etc/passwd":  "kehne:x:1000:1000::/home/kehne:/bin/sh\n",
		"etc/group":   "tty:x:5:\n",
		"etc/inittab": "ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n",
		"etc/shadow":  "root:$6$khvmmroot$",
	} {
		if got := w.out("khvmm.contents/" + name); !strings.Contains(got, line) {
			w.t.Errorf("%s: %q is not in %q", name, line, got)
		}
	}
}

// Were this to fail, a compiler or a build system would put the time, a random number or the order
// of processes into a program: real packages, compiled twice at different times in different
// folders with different numbers of jobs. It takes minutes, hence APPLIANCE_TEST_REBUILD=1.
func TestKhvmmRebuiltFromNothing(t *testing.T) {
	if os.Getenv("APPLIANCE_TEST_REBUILD") == "" {
		t.Skip("compiles everything; APPLIANCE_TEST_REBUILD=1 asks for it")
	}
	first, second := newWorkspace(t), newWorkspace(t)
	cache, err := os.MkdirTemp("", "appliance-rebuild-")
	first.check(err)
	t.Cleanup(func() {
		sandbox.RemoveScratch(cache)
		os.RemoveAll(cache)
	})
	second.flags = []string{"--cache=" + cache, "-j3"}
	first.build(khvmm, khvmm+".uimage")
	second.build(khvmm, khvmm+".uimage")
	if a, b := first.out("khvmm.manifest"), second.out("khvmm.manifest"); a != b {
		t.Errorf("two manifests differ in:\n%s", differing(a, b))
	}
	if first.out("khvmm.uimage") != second.out("khvmm.uimage") {
		t.Error("two images")
	}
}

// differing are the lines of b that are not in a.
func differing(a, b string) string {
	known := map[string]bool{}
	for line := range strings.Lines(a) {
		known[line] = true
	}
	var lines []string
	for line := range strings.Lines(b) {
		if !known[line] {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
