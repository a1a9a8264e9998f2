package elf

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What gcc 12 records for powerpc.
const (
	recordedSize  = "GNU C17 12.2.0 -msecure-plt -mcpu=440fp -Os -fstack-protector-strong"
	recordedSpeed = "GNU C17 12.2.0 -msecure-plt -mcpu=440fp -Os -O2 -fstack-protector-strong"
)

// A flag that is wrongly taken to be there leaves a program unprotected, one that
// is wrongly missed stops a build that is in order.
func TestFlagsLacking(t *testing.T) {
	tests := []struct{ want, got, lacking string }{
		{"", "", ""},
		{"", "-O2 -mcpu=440fp", ""},
		{"-Os", "-Os", ""},
		{"-Os", "-O2", "-Os"},
		{"-Os", "-Os -O2", "-Os"},
		{"-O2", "-Os -O2", ""},
		{"-Os -O3", "-Os", "-O3"},
		{"-Os", "", "-Os"},
		{"-pipe -D_FORTIFY_SOURCE=2 -ffile-prefix-map=/src=.", "", ""},
		{"-fstack-protector-strong", "-fstack-protector-strong", ""},
		{"-fstack-protector-strong", "-fstack-protector-all", ""},
		{"-fstack-protector-strong", "-fstack-protector", "-fstack-protector-strong"},
		{"-fstack-protector-strong", "-fstack-protector-strong -fno-stack-protector", "-fstack-protector-strong"},
		{"-fno-stack-protector", "-fstack-protector-all", ""},
		{"-fno-stack-protector", "", ""},
		{"-mcpu=440fp", "-msecure-plt -mcpu=440fp", ""},
		{"-mcpu=440fp", "-mcpu=440fp -mcpu=power9", "-mcpu=440fp"},
		{"-mcpu=440fp -m32", "-mcpu=440", "-m32 -mcpu=440fp"},
		{"-mcpu=440fp -m32", "-m32 -mcpu=440fp -mavx", ""},
	}
	for _, test := range tests {
		var got []string
		for _, lack := range ParseFlags(strings.Fields(test.want)).Lacking(ParseFlags(strings.Fields(test.got))) {
			got = append(got, lack.Flag)
		}
		if strings.Join(got, " ") != test.lacking {
			t.Errorf("want %q, compiled with %q: got %q, want %q", test.want, test.got, got, test.lacking)
		}
	}
}

func TestCheckHardening(t *testing.T) {
	all := Hardening{Relro: true, Now: true, PIE: true}
	good := Info{Type: elf.ET_DYN, Dynamic: true, Stack: StackNoExec, Relro: true, BindNow: true}
	tests := []struct {
		name   string
		change func(*Info, *Hardening)
		want   []Property
	}{
		{"good", func(i *Info, w *Hardening) {}, nil},
		{"nothing wanted", func(i *Info, w *Hardening) {
			*i, *w = Info{Type: elf.ET_EXEC, Stack: StackNoExec, Dynamic: true}, Hardening{}
		}, nil},
		{"bare", func(i *Info, w *Hardening) { *i = Info{Type: elf.ET_EXEC, Dynamic: true} }, []Property{PropertyStack, PropertyRelro, PropertyNow, PropertyPIE}},
		{"lazy", func(i *Info, w *Hardening) { i.BindNow = false }, []Property{PropertyNow}},
		{"static", func(i *Info, w *Hardening) { *i = Info{Type: elf.ET_EXEC, Stack: StackNoExec} }, []Property{PropertyPIE}},
		{"static PIE", func(i *Info, w *Hardening) { *i = Info{Type: elf.ET_DYN, Stack: StackNoExec, PIE: true} }, nil},
		{"object", func(i *Info, w *Hardening) { *i = Info{Type: elf.ET_REL} }, nil},
		{"debug information", func(i *Info, w *Hardening) { *i = Info{Type: elf.ET_EXEC, DebugOnly: true} }, nil},
	}
	for _, test := range tests {
		info, want := good, all
		test.change(&info, &want)
		var got []Property
		for _, p := range CheckHardening("/bin/p", &info, want) {
			got = append(got, p.Property)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestCheckCompiled(t *testing.T) {
	want := ParseFlags([]string{"-mcpu=440fp", "-Os", "-fstack-protector-strong"})
	tests := []struct {
		info Info
		want []string
	}{
		{Info{Type: elf.ET_DYN, Compiled: Compiled{Recorded: []string{recordedSize}}}, nil},
		{Info{Type: elf.ET_DYN, Compiled: Compiled{ByGCC: true, Recorded: []string{recordedSpeed, recordedSize, "GNU C++17 12.2.0 -g"}}}, []string{
			`/bin/p: compiled without -Os, as "GNU C++17 12.2.0 -g": is CFLAGS not used, or changed?`,
			`/bin/p: compiled without -fstack-protector-strong, as "GNU C++17 12.2.0 -g": is CFLAGS not used, or changed?`,
			`/bin/p: compiled without -mcpu=440fp, as "GNU C++17 12.2.0 -g": is CFLAGS not used, or changed?`,
			`/bin/p: compiled without -Os, as "` + recordedSpeed + `": is CFLAGS not used, or changed?`}},
		{Info{Type: elf.ET_EXEC}, []string{"/bin/p: nothing in it was compiled by $CC with its flags"}},
		{Info{Type: elf.ET_DYN, Compiled: Compiled{ByGCC: true, Recorded: []string{}}}, []string{"/bin/p: nothing in it was compiled by $CC with its flags"}},
		{Info{Type: elf.ET_REL, Compiled: Compiled{ByGCC: true}}, []string{"/bin/p: compiled, but not by $CC with its flags"}},
		{Info{Type: elf.ET_REL}, nil}, // from an assembler's source
		{Info{Type: elf.ET_DYN, DebugOnly: true}, nil},
	}
	for i, test := range tests {
		var got []string
		for _, p := range CheckCompiled("/bin/p", &test.info, want) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("test %d: %s", i, diff)
		}
	}
}

// A section that cannot be what gcc wrote is an error, not gigabytes of memory.
func TestCompiledDamaged(t *testing.T) {
	s := power
	s.sections = []section{{recordedSection, elf.SHT_PROGBITS, make([]byte, maxCompiled+1)}}
	if _, err := Inspect(bytes.NewReader(s.build())); err == nil || !strings.Contains(err.Error(), "section .GCC.command.line: want at most") {
		t.Errorf("got %v", err)
	}
}

func TestExceptions(t *testing.T) {
	e, err := ParseExceptions(map[string]string{
		"usr/lib/*.a": "cpu: made for another processor",
		"boot":        "pie, relro,now : it is started by no loader: it is one",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file     string
		property Property
		want     bool
	}{
		{"usr/lib/x.a", PropertyCPU, true},
		{"usr/lib/x.a", PropertyPIE, false},
		{"usr/lib/d/x.a", PropertyCPU, false},
		{"boot/grub/kernel.img", PropertyNow, true},
		{"boots", PropertyNow, false},
	} {
		if got := e.Excuse(test.file, test.property); got != test.want {
			t.Errorf("%s, %s: got %v", test.file, test.property, got)
		}
	}
	e.See("boot/x")
	e.See("usr/bin/x")
	if diff := cmp.Diff([]string{"usr/lib/*.a"}, e.Useless()); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"relro":        `exception "x": got "relro", want properties and a reason`,
		"relro: ":      "want properties and a reason",
		"it is so":     "want properties and a reason",
		"rello: there": `no property "rello"; there are compiler, cpu, libtool, now, optimize, paths, pie, relro, rpath, stack, stack_protector`,
		": there":      `no property ""`,
	} {
		if _, err := ParseExceptions(map[string]string{"x": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := ParseExceptions(map[string]string{"/usr/lib": "pie: x"}); err == nil || !strings.Contains(err.Error(), `pattern "/usr/lib": want a clean path`) {
		t.Errorf("got %v", err)
	}
}

// gcc is the judge of what it records: what was asked of it is found again, in
// objects, in a program of several, and not in a stripped one.
func TestRecordedByGCC(t *testing.T) {
	w := newWorkshop(t, "gcc", "strip")
	w.write("a.c", "int b(void);\nint c(void);\nint main(void) { return b() + c(); }\n")
	w.write("b.c", "int b(void) { return 1; }\n")
	w.write("c.S", ".globl c\nc:\n.section .note.GNU-stack,\"\"\n")
	record := func(argv ...string) { t.Helper(); w.run(append([]string{"gcc", "-frecord-gcc-switches"}, argv...)...) }
	record("-Os", "-fstack-protector-strong", "-I/src", "-DX=/build", "-c", "a.c")
	record("-Os", "-O1", "-fno-stack-protector", "-c", "b.c")
	record("-c", "c.S")
	record("-Wl,-z,relro,-z,now", "-pie", "-o", "p", "a.o", "b.o", "c.o")
	w.run("gcc", "-c", "-o", "plain.o", "b.c")
	w.run("strip", "-o", "stripped", "--remove-section="+recordedSection, "p")

	want := ParseFlags([]string{"-Os", "-fstack-protector-strong"})
	for name, count := range map[string]int{"a.o": 0, "b.o": 2, "c.o": 0, "p": 2, "plain.o": 1, "stripped": 1} {
		if got := CheckCompiled(name, w.load(name), want); len(got) != count {
			t.Errorf("%s: got %q, want %d", name, got, count)
		}
	}
	p := w.load("p")
	if got := CheckHardening("p", p, Hardening{Relro: true, Now: true, PIE: true}); got != nil || !p.PIE {
		t.Errorf("got %q, PIE %v", got, p.PIE)
	}
	for _, call := range p.Compiled.Recorded {
		if strings.Contains(call, "/src") || strings.Contains(call, "/build") {
			t.Errorf("gcc records paths: %q", call)
		}
	}
	if got := w.load("stripped").Compiled.Recorded; got != nil {
		t.Errorf("stripped, and still there is %q", got)
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add("GNU C17 12.2.0 -mcpu=440fp -Os -fstack-protector-strong", recordedSpeed)
	f.Fuzz(func(t *testing.T, want, got string) {
		w, g := ParseFlags(strings.Fields(want)), ParseFlags(strings.Fields(got))
		w.Lacking(g)
		if lacking := w.Lacking(w); lacking != nil {
			t.Errorf("%q lacks %q of itself", want, lacking)
		}
	})
}

func FuzzParseExceptions(f *testing.F) {
	f.Add("usr/lib/*.{a,so}", "relro, now: why")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		e, err := ParseExceptions(map[string]string{pattern: text})
		if err != nil {
			return
		}
		e.See("usr/lib/x.a")
		e.Excuse("usr/lib/x.a", PropertyNow)
		e.Useless()
	})
}
