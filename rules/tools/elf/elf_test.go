package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func inspect(t testing.TB, file []byte) *Info {
	t.Helper()
	info, err := Inspect(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// withEverything fills a spec with one of each fact.
func withEverything(s spec) spec {
	order := binary.AppendByteOrder(binary.LittleEndian)
	if s.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	executable := elf.PF_R | elf.PF_W | elf.PF_X
	for _, n := range []uint32{4, 2, 1} { // another note first
		s.notes = order.AppendUint32(s.notes, n)
	}
	s.notes = append(s.notes, "XYZ\x00ab\x00\x00"...)
	for _, n := range []uint32{4, 5, 3} {
		s.notes = order.AppendUint32(s.notes, n)
	}
	s.notes = append(s.notes, "GNU\x00\x01\x02\x03\x04\x05"...)
	s.flags = 0x8000
	s.interp = "/lib/ld.so.1"
	s.stack = &executable
	s.textRel = true
	s.dtFlags, s.dtFlags1, s.relro = elf.DF_BIND_NOW, elf.DF_1_PIE, true
	s.dynamic = []dynamicString{
		{elf.DT_NEEDED, "libm.so.6"}, {elf.DT_NEEDED, "libc.so.6"}, {elf.DT_SONAME, "libx.so.1"},
		{elf.DT_RPATH, "/build/lib:$ORIGIN"}, {elf.DT_RUNPATH, "/usr/lib/x"},
	}
	s.sections = []section{
		{".debug_info", elf.SHT_PROGBITS, []byte("x")}, {".symtab", elf.SHT_SYMTAB, nil},
		{".comment", elf.SHT_PROGBITS, []byte("\x00GCC: (GNU) 12.2.0\x00")},
		{recordedSection, elf.SHT_PROGBITS, []byte(recordedSpeed + "\x00" + recordedSize + "\x00")},
	}
	return s
}

func TestInspect(t *testing.T) {
	for _, base := range []spec{power, intel} {
		want := &Info{
			Class: base.class, Data: base.data, Machine: base.machine, Type: elf.ET_DYN, Flags: 0x8000,
			Dynamic: true, Interpreter: "/lib/ld.so.1", SOName: "libx.so.1",
			Needed: []string{"libm.so.6", "libc.so.6"}, RPath: []string{"/build/lib", "$ORIGIN"}, RunPath: []string{"/usr/lib/x"},
			TextRel: true, Relro: true, BindNow: true, PIE: true, Compiled: Compiled{ByGCC: true, Recorded: []string{recordedSpeed, recordedSize}}, BuildID: []byte{1, 2, 3, 4, 5}, DebugInfo: true, Symbols: true, Stack: StackExec,
		}
		if diff := cmp.Diff(want, inspect(t, withEverything(base).build())); diff != "" {
			t.Errorf("%s: %s", base.machine, diff)
		}
		bare := &Info{Class: base.class, Data: base.data, Machine: base.machine, Type: elf.ET_DYN}
		if diff := cmp.Diff(bare, inspect(t, base.build())); diff != "" {
			t.Errorf("%s, bare: %s", base.machine, diff)
		}
	}
}

// A long library path crosses the blocks that strings are read in.
func TestLongStrings(t *testing.T) {
	for _, n := range []int{255, 256, 257, 511, 512, 513, 5000} {
		s := power
		s.dynamic = []dynamicString{{elf.DT_NEEDED, strings.Repeat("n", n)}, {elf.DT_SONAME, "after"}}
		info := inspect(t, s.build())
		if len(info.Needed[0]) != n || info.SOName != "after" {
			t.Errorf("%d characters: got %d", n, len(info.Needed[0]))
		}
	}
	s := power
	s.dynamic = []dynamicString{{elf.DT_NEEDED, strings.Repeat("n", maxString+1)}}
	if _, err := Inspect(bytes.NewReader(s.build())); err == nil {
		t.Error("a string without bound: no error")
	}
}

func TestFloatABI(t *testing.T) {
	attribute := func(order binary.AppendByteOrder, vendor string, attributes ...byte) []byte {
		block := order.AppendUint32([]byte{tagFile}, uint32(5+len(attributes)))
		block = append(block, attributes...)
		b := order.AppendUint32([]byte{'A'}, uint32(4+len(vendor)+1+len(block)))
		return append(append(append(b, vendor...), 0), block...)
	}
	arm := spec{class: elf.ELFCLASS32, data: elf.ELFDATA2LSB, machine: elf.EM_ARM}
	be, le := binary.BigEndian, binary.LittleEndian
	tests := []struct {
		base    spec
		flags   uint32
		section string
		data    []byte
		want    FloatABI
	}{
		{power, 0, ".gnu.attributes", attribute(be, "gnu", 4, 1), FloatHard},
		{power, 0, ".gnu.attributes", attribute(be, "gnu", 5, 'x', 0, 8, 1, 4, 2), FloatSoft},
		{power, 0, ".gnu.attributes", attribute(be, "gnu", 32, 1, 'x', 0, 4, 3+4), FloatSingle},
		{power, 0, ".gnu.attributes", attribute(be, "gnu", 8, 1), FloatUnknown},
		{power, 0, ".gnu.attributes", attribute(be, "other", 4, 1), FloatUnknown},
		{power, 0, ".gnu.attributes", []byte("A\xff\xff\xff\xffgnu"), FloatUnknown},
		{arm, 0x05000400, ".x", nil, FloatHard},
		{arm, 0x05000200, ".x", nil, FloatSoft},
		{arm, 0x05000000, ".ARM.attributes", attribute(le, "aeabi", 5, '7', '-', 'A', 0, 6, 10, 28, 1), FloatHard},
		{arm, 0x05000000, ".ARM.attributes", attribute(le, "aeabi", 5, '7', 0, 28, 0), FloatSoft},
		{arm, 0x05000000, ".ARM.attributes", attribute(le, "aeabi", 6, 10), FloatUnknown},
		{intel, 0x400, ".gnu.attributes", attribute(le, "gnu", 4, 1), FloatUnknown},
	}
	for _, test := range tests {
		s := test.base
		s.flags = test.flags
		s.sections = []section{{test.section, elf.SHT_PROGBITS, test.data}}
		if got := inspect(t, s.build()).FloatABI; got != test.want {
			t.Errorf("%s %x: got %q, want %q", s.machine, test.data, got, test.want)
		}
	}
}

func TestNotELF(t *testing.T) {
	for _, b := range []string{"", "\x7fEL", "#!/bin/sh\n", "!<arch>\n"} {
		if _, err := Inspect(strings.NewReader(b)); !errors.Is(err, ErrNotELF) {
			t.Errorf("%q: got %v, want %v", b, err, ErrNotELF)
		}
	}
}

// A file that was cut or lies about its tables gives an error, not facts.
func TestDamaged(t *testing.T) {
	file := withEverything(power).build()
	for n := 4; n < len(file); n++ {
		if info, err := Inspect(bytes.NewReader(file[:n])); err == nil {
			t.Errorf("cut to %d of %d bytes: got %+v", n, len(file), info)
		}
	}
	s := power
	s.dynamic = []dynamicString{{elf.DT_NEEDED, "libc.so.6"}}
	file = s.build()
	at := bytes.Index(file, []byte("libc.so.6")) - 1 // the string table
	binary.BigEndian.PutUint32(file[bytes.Index(file, binary.BigEndian.AppendUint32(nil, uint32(loadAddress+at))):], 0x7fff0000)
	if _, err := Inspect(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "DT_NEEDED: the string table is in no segment") {
		t.Errorf("string table outside of the file: got %v", err)
	}
}

func member(name string, data []byte) []byte {
	b := fmt.Appendf(nil, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o644, len(data))
	b = append(b, data...)
	if len(data)%2 == 1 {
		b = append(b, '\n')
	}
	return b
}

func TestArchive(t *testing.T) {
	object := power.build()
	var b []byte
	b = append(b, archiveMagic...)
	b = append(b, member("/", []byte{0, 0, 0, 0})...)
	b = append(b, member("//", []byte("a_very_long_name_of_an_object.o/\nanother_long_one.o/\n"))...)
	b = append(b, member("short.o/", object)...)
	b = append(b, member("/33", object)...)
	b = append(b, member("README/", []byte("text"))...)
	b = append(b, member("#1/20", append([]byte("long_name_of_BSD.o\x00\x00"), object...))...)
	members, err := Archive(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range members {
		names = append(names, m.Name)
		if m.Info.Machine != elf.EM_PPC {
			t.Errorf("%s: got %s", m.Name, m.Info.Machine)
		}
	}
	if diff := cmp.Diff([]string{"short.o", "another_long_one.o", "long_name_of_BSD.o"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := Archive(bytes.NewReader(object)); !errors.Is(err, ErrNotArchive) {
		t.Errorf("got %v, want %v", err, ErrNotArchive)
	}
	for _, bad := range []string{"x", strings.Repeat("x", 60), string(member("a/", object))[:100], strings.Replace(string(member("a/", nil)), "0         `", "-2        `", 1)} {
		if _, err := Archive(strings.NewReader(archiveMagic + bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestCheck(t *testing.T) {
	want := Want{Class: elf.ELFCLASS32, Data: elf.ELFDATA2MSB, Machine: elf.EM_PPC, FloatABI: FloatHard}
	inImage := func(dir string) bool { return dir == "/usr/lib" || dir == "/opt/x/lib" }
	good := Info{Class: elf.ELFCLASS32, Data: elf.ELFDATA2MSB, Machine: elf.EM_PPC}
	tests := []struct {
		change func(*Info, *Want)
		want   []string
	}{
		{func(i *Info, w *Want) {}, nil},
		{func(i *Info, w *Want) { i.Machine, i.Class, i.Data = elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB }, []string{
			"/opt/x/bin/p: built for EM_X86_64, 64 bit, little endian, want EM_PPC, 32 bit, big endian"}},
		{func(i *Info, w *Want) { i.Data = elf.ELFDATA2LSB }, []string{
			"/opt/x/bin/p: built for EM_PPC, 32 bit, little endian, want EM_PPC, 32 bit, big endian"}},
		{func(i *Info, w *Want) { i.Stack, *w = StackExec, Want{} }, []string{"/opt/x/bin/p: asks for an executable stack"}},
		{func(i *Info, w *Want) { i.FloatABI = FloatSoft }, []string{"/opt/x/bin/p: built for soft float, want hard float"}},
		{func(i *Info, w *Want) { i.FloatABI, w.FloatABI = FloatSoft, FloatUnknown }, nil},
		{func(i *Info, w *Want) { i.Stack = StackExec }, []string{"/opt/x/bin/p: asks for an executable stack"}},
		{func(i *Info, w *Want) { i.Stack, w.ExecStack = StackExec, true }, nil},
		{func(i *Info, w *Want) { i.RPath = []string{"/usr/lib"} }, []string{`/opt/x/bin/p: RPATH "/usr/lib": no RPATH is allowed`}},
		{func(i *Info, w *Want) {
			i.RPath, w.HasDir = []string{"/usr/lib/", "$ORIGIN/../lib", "${ORIGIN}/../lib"}, inImage
		}, nil},
		{func(i *Info, w *Want) { i.RunPath, w.HasDir = []string{"/build/lib", "", "lib", "$ORIGIN"}, inImage }, []string{
			`/opt/x/bin/p: RUNPATH "/build/lib": not in the image`,
			`/opt/x/bin/p: RUNPATH "": relative to wherever the program is started`,
			`/opt/x/bin/p: RUNPATH "lib": relative to wherever the program is started`,
			`/opt/x/bin/p: RUNPATH "$ORIGIN": not in the image`}},
	}
	for i, test := range tests {
		info, want := good, want
		test.change(&info, &want)
		var got []string
		for _, p := range Check("/opt/x/bin/p", &info, want) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("test %d: %s", i, diff)
		}
	}
}

func TestResolve(t *testing.T) {
	ppc := func(i Info) *Info {
		i.Class, i.Data, i.Machine = elf.ELFCLASS32, elf.ELFDATA2MSB, elf.EM_PPC
		return &i
	}
	other := &Info{Class: elf.ELFCLASS64, Data: elf.ELFDATA2LSB, Machine: elf.EM_X86_64}
	objects := map[string]*Info{
		"/lib/ld.so.1":           ppc(Info{SOName: "ld.so.1"}),
		"/lib/libc-2.36.so":      ppc(Info{Needed: []string{"ld.so.1"}}),
		"/usr/lib/libz.so.1":     ppc(Info{Needed: []string{"libc.so.6"}}),
		"/opt/a/lib/libprivate":  ppc(Info{}),
		"/usr/lib/libforeign.so": other,
		"/lib2/libforeign.so":    ppc(Info{}),

		"/bin/good":    ppc(Info{Interpreter: "/lib/ld.so.1", Needed: []string{"libz.so.1", "libc.so.6", "/usr/lib/libz.so.1"}}),
		"/opt/a/bin/a": ppc(Info{Needed: []string{"libprivate"}, RunPath: []string{"$ORIGIN/../lib"}}),
		"/opt/a/bin/b": ppc(Info{Needed: []string{"libprivate"}, RPath: []string{"/opt/a/lib"}}),
		"/opt/a/bin/c": ppc(Info{Needed: []string{"libprivate"}, RPath: []string{"/opt/a/lib"}, RunPath: []string{"/usr/lib"}}),
		"/bin/lost":    ppc(Info{Interpreter: "/lib/ld-musl-ppc.so.1", Needed: []string{"libz.so.2", "libc.so"}}),
		"/bin/wrong":   ppc(Info{Needed: []string{"libforeign.so"}}),
	}
	links := map[string]string{"/lib/libc.so.6": "/lib/libc-2.36.so"}
	lookup := func(path string) *Info {
		if target, ok := links[path]; ok {
			path = target
		}
		return objects[path]
	}
	want := []Missing{
		{Object: "/bin/lost", Name: "/lib/ld-musl-ppc.so.1"},
		{Object: "/bin/lost", Name: "libz.so.2"},
		{Object: "/bin/lost", Name: "libc.so"},
		{Object: "/bin/wrong", Name: "libforeign.so", Wrong: []string{"/usr/lib/libforeign.so"}},
		{Object: "/opt/a/bin/c", Name: "libprivate"},
	}
	if diff := cmp.Diff(want, Resolve(objects, lookup, []string{"/lib", "/usr/lib"})); diff != "" {
		t.Error(diff)
	}
	if got := Resolve(map[string]*Info{"/bin/wrong": objects["/bin/wrong"]}, lookup, []string{"/usr/lib", "/lib2"}); got != nil {
		t.Errorf("the right library behind the wrong one: got %v", got)
	}
}

// With musl, the loader is the C library, under all of its names.
func TestResolveMusl(t *testing.T) {
	objects := map[string]*Info{
		"/lib/ld-musl-armhf.so.1": {Class: elf.ELFCLASS32},
		"/bin/sh":                 {Class: elf.ELFCLASS32, Interpreter: "/lib/ld-musl-armhf.so.1", Needed: []string{"libc.so", "libpthread.so"}},
	}
	lookup := func(path string) *Info { return objects[path] }
	if got := Resolve(objects, lookup, []string{"/lib"}); got != nil {
		t.Errorf("got %v", got)
	}
}

// compiled makes files with the host's compiler; what it says about them is
// what was asked for on its command line.
func TestCompiled(t *testing.T) {
	w := newWorkshop(t, "gcc", "ar", "strip", "objcopy")
	w.write("x.c", "int x(void) { return 1; }\nint main(void) { return x(); }\n")
	w.run("gcc", "-g", "-c", "-fPIC", "x.c", "-o", "x.o")
	w.run("gcc", "-shared", "x.o", "-o", "libx.so", "-Wl,-soname,libx.so.7", "-Wl,--build-id=0x0102", "-Wl,--enable-new-dtags,-rpath,/opt/lib", "-Wl,-z,noexecstack")
	w.run("gcc", "x.o", "-o", "x", "-Wl,--disable-new-dtags,-rpath,/a:/b", "-Wl,-z,execstack")
	w.run("ar", "rcs", "libx.a", "x.o")
	w.run("objcopy", "--only-keep-debug", "x", "x.debug")
	w.run("strip", "x")

	if o := w.load("x.o"); o.Type != elf.ET_REL || !o.DebugInfo || !o.Symbols || o.Dynamic {
		t.Errorf("x.o: got %+v", o)
	}
	so := w.load("libx.so")
	if so.SOName != "libx.so.7" || !bytes.Equal(so.BuildID, []byte{1, 2}) || so.Stack != StackNoExec || !cmp.Equal(so.RunPath, []string{"/opt/lib"}) || so.RPath != nil {
		t.Errorf("libx.so: got %+v", so)
	}
	x := w.load("x")
	if x.DebugInfo || x.Symbols || x.Interpreter == "" || x.Stack != StackExec || !cmp.Equal(x.RPath, []string{"/a", "/b"}) || len(x.Needed) != 1 {
		t.Errorf("x: got %+v", x)
	}
	if d := w.load("x.debug"); !d.DebugOnly || !d.DebugInfo || d.Dynamic {
		t.Errorf("x.debug: got %+v", d)
	}
	members, err := Archive(w.open("libx.a"))
	if err != nil || len(members) != 1 || members[0].Name != "x.o" {
		t.Errorf("libx.a: got %+v, %v", members, err)
	}
}

// readelf is the judge: on programs of the host it reads the same facts.
func TestReadelf(t *testing.T) {
	program, err := exec.LookPath("readelf")
	if err != nil {
		t.Skip("no readelf on this host")
	}
	files, err := filepath.Glob("/usr/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
			continue
		}
		out, err := exec.Command(program, "--wide", "--dynamic", "--notes", "--segments", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(readelfFacts(string(out)), facts(inspect(t, data))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if compared++; compared == 40 {
			break
		}
	}
	if compared == 0 {
		t.Skip("no ELF files in /usr/bin")
	}
}

// readelfFact is one fact in a line of readelf -dnl.
var readelfFact = regexp.MustCompile(`\((NEEDED|SONAME|RPATH|RUNPATH)\).*\[(.*)\]|(Build ID): (\w+)|program (interpreter): (.*)\]`)

func readelfFacts(out string) []string {
	var all []string
	for _, m := range readelfFact.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1]+m[3]+m[5]+" "+m[2]+m[4]+m[6])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func facts(info *Info) []string {
	var all []string
	add := func(what, value string) {
		if value != "" {
			all = append(all, what+" "+value)
		}
	}
	for _, name := range info.Needed {
		add("NEEDED", name)
	}
	add("SONAME", info.SOName)
	add("RPATH", strings.Join(info.RPath, ":"))
	add("RUNPATH", strings.Join(info.RunPath, ":"))
	add("Build ID", hex.EncodeToString(info.BuildID))
	add("interpreter", info.Interpreter)
	slices.Sort(all)
	return all
}

func FuzzInspect(f *testing.F) {
	f.Add(withEverything(power).build())
	f.Add(withEverything(intel).build())
	f.Add(power.build())
	f.Fuzz(func(t *testing.T, file []byte) {
		info, err := Inspect(bytes.NewReader(file))
		if err != nil {
			return
		}
		Check("/bin/x", info, Want{Class: info.Class, Data: info.Data, Machine: info.Machine, HasDir: func(string) bool { return false }})
		Resolve(map[string]*Info{"/bin/x": info}, func(string) *Info { return info }, []string{"/lib"})
	})
}

func FuzzArchive(f *testing.F) {
	f.Add(append([]byte(archiveMagic), member("a.o/", power.build())...))
	f.Add(append([]byte(archiveMagic), member("#1/4", []byte("name"))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		Archive(bytes.NewReader(file))
	})
}
