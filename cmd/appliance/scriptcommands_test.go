package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/sandbox"
)

// scriptCommands are those of scripts, beside testscript's own: to judge, to make what
// a text archive cannot hold, to disturb.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"damage":     damage,
	"exits":      exits,
	"fill":       fill,
	"interrupts": interrupts,
	"junit":      junit,
	"mkelf":      mkelf,
	"mkprobe":    mkprobe,
	"mkrandom":   mkrandom,
	"mktar":      mktar,
	"pack":       pack,
	"serve":      serve,
	"sum":        sum,
	"sums":       sums,
}

// scriptConditions are those of scripts: [sandbox] is a host that lets commands run.
func scriptConditions(name string) (bool, error) {
	if name != "sandbox" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return hostHasSandbox()
}

var hostHasSandbox = sync.OnceValues(func() (bool, error) {
	scratch, err := os.MkdirTemp("", "check")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	return len(sandbox.Check(context.Background(), scratch)) == 0, nil
})

// mkprobe is "mkprobe FILE": the static program that does what its arguments
// say; see engine/runner/testdata/probe.
func mkprobe(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 1, "mkprobe FILE")
	program, err := probe()
	ts.Check(err)
	writeFile(ts, args[0], program, 0o755)
}

var probe = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-o", name, "../../engine/runner/testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(name)
})

// mkrandom is "mkrandom FILE KIB": bytes that do not compress, the same ones
// for the same name.
func mkrandom(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 2, "mkrandom FILE KIB")
	kib, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := make([]byte, kib<<10)
	rand.NewChaCha8(digest.Of([]byte(path.Base(args[0]))).Hash()).Read(b)
	writeFile(ts, args[0], b, 0o644)
}

// mktar is "mktar FILE ENTRY...", an entry being KIND:NAME=VALUE: a file with
// that text, a link or a hard link to that name, or that many MiB of zeros.
func mktar(ts *testscript.TestScript, _ bool, args []string) {
	a := newTarball()
	for _, arg := range args[1:] {
		kind, rest, _ := strings.Cut(arg, ":")
		name, value, _ := strings.Cut(rest, "=")
		ts.Check(a.add(kind, name, value))
	}
	ts.Check(errors.Join(a.tar.Close(), a.gzip.Close()))
	writeFile(ts, args[0], a.out.Bytes(), 0o644)
}

// pack is "pack FILE DIR": a compressed tar of a directory and its name.
func pack(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 2, "pack FILE DIR")
	a, dir := newTarball(), ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Dir(dir), name)
		if err != nil {
			return err
		}
		return a.add("file", filepath.ToSlash(rel), ts.ReadFile(name))
	}))
	ts.Check(errors.Join(a.tar.Close(), a.gzip.Close()))
	writeFile(ts, args[0], a.out.Bytes(), 0o644)
}

// sum is "sum NAME FILE": the SHA256 of a file becomes $NAME.
func sum(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 2, "sum NAME FILE")
	ts.Setenv(args[0], digest.Of([]byte(ts.ReadFile(args[1]))).Hex())
}

// fill is "fill FILE...": each $NAME in the files becomes its value.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		writeFile(ts, name, []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o644)
	}
}

// tarball is a compressed tar in the making.
type tarball struct {
	out  bytes.Buffer
	gzip *gzip.Writer
	mute bool // what tar writes is in out already
	tar  *tar.Writer
}

func newTarball() *tarball {
	a := &tarball{}
	a.gzip = gzip.NewWriter(&a.out)
	a.tar = tar.NewWriter(a)
	return a
}

func (a *tarball) Write(p []byte) (int, error) {
	if a.mute {
		return len(p), nil
	}
	return a.gzip.Write(p)
}

func (a *tarball) add(kind, name, value string) error {
	h := &tar.Header{Name: name, Mode: 0o644}
	switch kind {
	case "file":
		h.Typeflag, h.Size = tar.TypeReg, int64(len(value))
	case "link":
		h.Typeflag, h.Linkname = tar.TypeSymlink, value
	case "hard":
		h.Typeflag, h.Linkname = tar.TypeLink, value
	case "zeros":
		return a.addZeros(h, value)
	default:
		return fmt.Errorf("unknown kind of entry %q", kind)
	}
	if err := a.tar.WriteHeader(h); err != nil || kind != "file" {
		return err
	}
	_, err := io.WriteString(a.tar, value)
	return err
}

// addZeros makes a bomb in no time: a chunk is compressed, and its gzip member
// repeated (RFC 1952, section 2.2).
func (a *tarball) addZeros(h *tar.Header, text string) error {
	const chunkMiB = 16
	mib, err := strconv.Atoi(text)
	if err != nil || mib%chunkMiB != 0 {
		return fmt.Errorf("zeros: got %q MiB, want a multiple of %d", text, chunkMiB)
	}
	h.Typeflag, h.Size = tar.TypeReg, int64(mib)<<20
	if err := errors.Join(a.tar.WriteHeader(h), a.gzip.Close()); err != nil {
		return err
	}
	chunk := make([]byte, chunkMiB<<20)
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	z.Write(chunk)
	z.Close()
	a.mute = true
	for range mib / chunkMiB {
		a.out.Write(member.Bytes())
		a.tar.Write(chunk)
	}
	a.mute = false
	a.gzip.Reset(&a.out)
	return nil
}

// sums is "sums FILE.star FILE...": a Starlark file with the SHA256 of files by
// their names.
func sums(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	b.WriteString("\"\"\"Digests.\"\"\"\n\nSHA256 = {\n")
	for _, name := range args[1:] {
		fmt.Fprintf(&b, "    %q: %q,\n", path.Base(name), digest.Of([]byte(ts.ReadFile(name))).Hex())
	}
	b.WriteString("}\n")
	writeFile(ts, args[0], []byte(b.String()), 0o644)
}

// mkelf is "mkelf FILE MACHINE INTERPRETER LIBRARY...": the headers of a dynamic
// program, for ppc or x86_64, that wants an interpreter ("" for none) and
// libraries.
func mkelf(ts *testscript.TestScript, _ bool, args []string) {
	machine, ok := map[string]elf.Machine{"ppc": elf.EM_PPC, "x86_64": elf.EM_X86_64}[args[1]]
	if !ok {
		ts.Fatalf("unknown machine %q", args[1])
	}
	writeFile(ts, args[0], elfFile(machine, args[2], args[3:]), 0o755)
}

// elfFile lays out: ELF header, four program headers, interpreter, string
// table, dynamic section. It is 32 bits and big endian whatever the machine:
// the machine is what is judged first.
func elfFile(machine elf.Machine, interpreter string, libraries []string) []byte {
	const headers, base = 52 + 3*32, 0x10000
	order := binary.BigEndian
	interp := append([]byte(interpreter), 0)
	names, dynamic := []byte{0}, []byte{}
	for _, l := range libraries {
		dynamic = order.AppendUint32(dynamic, uint32(elf.DT_NEEDED))
		dynamic = order.AppendUint32(dynamic, uint32(len(names)))
		names = append(append(names, l...), 0)
	}
	namesAt := headers + len(interp)
	for _, v := range []int{int(elf.DT_STRTAB), base + namesAt, int(elf.DT_STRSZ), len(names), 0, 0} {
		dynamic = order.AppendUint32(dynamic, uint32(v))
	}
	dynamicAt := namesAt + len(names)
	end := dynamicAt + len(dynamic)

	var out bytes.Buffer
	binary.Write(&out, order, elf.Header32{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2MSB), 1},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1,
		Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 3,
	})
	for _, p := range []struct {
		kind    elf.ProgType
		at, end int
	}{{elf.PT_LOAD, 0, end}, {elf.PT_INTERP, headers, namesAt}, {elf.PT_DYNAMIC, dynamicAt, end}} {
		size := uint32(p.end - p.at)
		binary.Write(&out, order, elf.Prog32{
			Type: uint32(p.kind), Off: uint32(p.at), Vaddr: uint32(base + p.at), Filesz: size, Memsz: size, Flags: uint32(elf.PF_R), Align: 1,
		})
	}
	out.Write(interp)
	out.Write(names)
	out.Write(dynamic)
	return out.Bytes()
}

// serve is "serve DIR": a server on the loopback interface, whose URL is in
// $SERVER. Below /files are the files of DIR; below /short the same, cut off in
// the middle; below /other is something else. All else is not found.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 1, "serve DIR")
	dir := os.DirFS(ts.MkAbs(args[0]))
	mux := http.NewServeMux()
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServerFS(dir)))
	mux.HandleFunc("/other/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "other bytes") })
	mux.HandleFunc("/short/{name}", func(w http.ResponseWriter, r *http.Request) {
		b, err := fs.ReadFile(dir, r.PathValue("name"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(b[:len(b)/2])
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("SERVER", server.URL)
}

// damage is "damage DIR flip|cut TEXT": the files below DIR that begin with TEXT
// get another first byte, or lose their last one.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	wantArgs(ts, args, 3, "damage DIR flip|cut TEXT")
	found := 0
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(b), args[2]) {
			return err
		}
		found++
		return damageFile(name, args[1], b)
	})
	ts.Check(err)
	if found == 0 {
		ts.Fatalf("no file below %s begins with %q", args[0], args[2])
	}
}

// damageFile changes the bytes of a file behind the back of everyone who has a
// link to it.
func damageFile(name, how string, b []byte) error {
	if err := os.Chmod(name, 0o644); err != nil {
		return err
	}
	if how == "cut" {
		return os.Truncate(name, int64(len(b)-1))
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{b[0] ^ 1}, 0)
	return errors.Join(err, f.Close())
}

// interrupts is "interrupts CODE ARGUMENT COMMAND ARG...": the command gets a
// SIGINT as soon as there is a process with the argument, ends with the exit
// code, and the process is gone. ARGUMENT is a word of the script alone.
func interrupts(ts *testscript.TestScript, _ bool, args []string) {
	argument := args[1]
	done := make(chan struct{})
	found := make(chan error, 1)
	go func() { found <- interruptWhen(argument, done) }()
	exits(ts, false, append(args[:1:1], args[2:]...))
	close(done)
	ts.Check(<-found)
	if left := processes(argument); len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

// interruptWhen waits for a process with the argument and interrupts the child
// of this process that it descends from.
func interruptWhen(argument string, done <-chan struct{}) error {
	for tick := time.Tick(10 * time.Millisecond); ; {
		select {
		case <-done:
			return fmt.Errorf("there was never a process with the argument %q", argument)
		case <-tick:
		}
		for _, pid := range processes(argument) {
			if child, ok := childAbove(pid); ok {
				return syscall.Kill(child, syscall.SIGINT)
			}
		}
	}
}

// processes are those that have the argument.
func processes(argument string) []int {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []int
	for _, name := range names {
		b, _ := os.ReadFile(name) // the process may have ended
		words := strings.Split(string(b), "\x00")
		if pid, err := strconv.Atoi(path.Base(path.Dir(name))); err == nil && slices.Contains(words, argument) {
			found = append(found, pid)
		}
	}
	return found
}

// childAbove is the ancestor of a process that is a child of this one.
func childAbove(pid int) (int, bool) {
	for pid > 1 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, false
		}
		// proc(5): "pid (name) state parent"; a name may hold anything.
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		parent, err := strconv.Atoi(strings.Fields(rest)[1])
		if err != nil {
			return 0, false
		}
		if parent == os.Getpid() {
			return pid, true
		}
		pid = parent
	}
	return 0, false
}

// junit is "junit FILE CASE...": the report in FILE has these cases, a case being
// the name and, of one that did not pass, "TYPE: MESSAGE" or the beginning of it.
func junit(ts *testscript.TestScript, _ bool, args []string) {
	var report struct {
		Suites []struct {
			Tests int `xml:"tests,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Trouble []struct {
					XMLName xml.Name
					Type    string `xml:"type,attr"`
					Message string `xml:"message,attr"`
				} `xml:",any"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	ts.Check(xml.Unmarshal([]byte(ts.ReadFile(args[0])), &report))
	var got []string
	for _, suite := range report.Suites {
		if suite.Tests != len(suite.Cases) {
			ts.Fatalf("a suite of %d tests has %d", suite.Tests, len(suite.Cases))
		}
		for _, c := range suite.Cases {
			for _, t := range c.Trouble {
				c.Name += " " + t.Type + ": " + t.Message
			}
			got = append(got, c.Name)
		}
	}
	slices.Sort(got)
	if !slices.EqualFunc(got, args[1:], strings.HasPrefix) {
		ts.Fatalf("got the cases %q", got)
	}
}

func wantArgs(ts *testscript.TestScript, args []string, n int, usage string) {
	if len(args) != n {
		ts.Fatalf("usage: %s", usage)
	}
}

// writeFile makes a file with its directory.
func writeFile(ts *testscript.TestScript, name string, b []byte, mode fs.FileMode) {
	name = ts.MkAbs(name)
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, b, mode))
}
