package compose

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

var powerPC = machine{ELFMachine: "EM_PPC", ELFClass: "ELFCLASS32", ELFData: "ELFDATA2MSB", LibDirs: []string{"/lib", "/usr/lib"}}

// program is an ELF file for powerPC that needs libraries.
func program(needed ...string) string {
	const headers = 52 + 2*32
	names, entries := []byte{0}, []uint32{}
	for _, name := range needed {
		entries = append(entries, uint32(stdelf.DT_NEEDED), uint32(len(names)))
		names = append(append(names, name...), 0)
	}
	entries = append(entries, uint32(stdelf.DT_STRTAB), headers, uint32(stdelf.DT_STRSZ), uint32(len(names)), 0, 0)
	dynamic := headers + uint32(len(names))
	end := dynamic + uint32(4*len(entries))
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, stdelf.Header32{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(stdelf.ELFCLASS32), byte(stdelf.ELFDATA2MSB), 1},
		Type:  uint16(stdelf.ET_DYN), Machine: uint16(stdelf.EM_PPC), Version: 1, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 2, Shentsize: 40,
	})
	binary.Write(&b, binary.BigEndian, []stdelf.Prog32{
		{Type: uint32(stdelf.PT_LOAD), Filesz: end, Memsz: end},
		{Type: uint32(stdelf.PT_DYNAMIC), Off: dynamic, Vaddr: dynamic, Filesz: end - dynamic, Memsz: end - dynamic},
	})
	b.Write(names)
	binary.Write(&b, binary.BigEndian, entries)
	return b.String()
}

// offered is a toolchain's directory: C++ needs the compiler's library, which
// needs nothing, and there is more that nobody needs.
func (w *workbench) offered() tree.Node {
	return w.layer(map[string]string{
		"lib/libstdc++.so.6":      "->libstdc++.so.6.0.30",
		"lib/libstdc++.so.6.0.30": program("libgcc_s.so.1", "libc.so.6"),
		"lib/libgcc_s.so.1":       "->/lib/gcc/libgcc_s.so",
		"lib/gcc/libgcc_s.so":     program("libc.so.6"),
		"lib/libatomic.so.1":      program("libc.so.6"),
		"lib/libc.so.6":           "another one than the layer's",
	})
}

func composeOnDemand(t *testing.T, a arguments, base map[string]string) (*composed, error) {
	t.Helper()
	w := newWorkbench(t)
	a.Machine = powerPC
	a.Layers = []layer{{Origin: "//:base"}, {Origin: "//:cc", OnDemand: true, ProgramMode: "0555"}, {Origin: "//:late"}}
	return w.compose(a, w.layer(base), w.offered(), w.layer(map[string]string{"opt/late*": program("libatomic.so.1")}))
}

// Were a library missing, the program would not start; were all of them there,
// the image would be twice as large.
func TestDemand(t *testing.T) {
	c, err := composeOnDemand(t, arguments{Rules: []rule{{Pattern: "lib/libatomic.so.1", Mode: "0500"}}}, map[string]string{
		"bin/c*":        program("libc.so.6"),
		"bin/cxx*":      program("libstdc++.so.6", "libc.so.6"),
		"lib/libc.so.6": program(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var brought []string
	for _, e := range c.manifest.Entries() {
		if e.Origin == "//:cc" && e.Type != manifest.Directory {
			brought = append(brought, e.Path)
		}
	}
	want := []string{"lib/gcc/libgcc_s.so", "lib/libatomic.so.1", "lib/libgcc_s.so.1", "lib/libstdc++.so.6", "lib/libstdc++.so.6.0.30"}
	if !slices.Equal(brought, want) {
		t.Errorf("got %q, want %q", brought, want)
	}
	if got := line(t, c, "lib/libatomic.so.1"); !strings.HasPrefix(got, "file 0500 ") {
		t.Errorf("a rule for the whole does not reach what was brought: %s", got)
	}
	if got := line(t, c, "lib/gcc/libgcc_s.so"); !strings.HasPrefix(got, "file 0644 ") {
		t.Errorf("got %s", got)
	}
}

// What no layer offers is still an error, and so is what cannot be put in place.
func TestDemandInVain(t *testing.T) {
	for _, test := range []struct {
		name string
		a    arguments
		base map[string]string
		want string
	}{
		{"not offered", arguments{}, map[string]string{"bin/x*": program("libz.so.1"), "lib/libc.so.6": program()}, "/bin/x: the program of //:base needs libz.so.1, and no layer brings it"},
		{"may be missing", arguments{Skip: skip{Libraries: []string{"libatomic.so.1"}}, Rules: []rule{{Pattern: "lib/libatomic.so.1", Mode: "0500"}}}, map[string]string{}, `the rule for "lib/libatomic.so.1" matches nothing`},
		{"in the way", arguments{}, map[string]string{"bin/x*": program("libstdc++.so.6"), "lib/gcc": "file", "lib/libc.so.6": program()}, "/lib/gcc/libgcc_s.so: //:cc brings it, but //:base has a file at /lib/gcc"},
		{"not looked at", arguments{Skip: skip{Programs: []string{"opt/late"}}, Rules: []rule{{Pattern: "lib/libatomic.so.1", Mode: "0500"}}}, map[string]string{}, `the rule for "lib/libatomic.so.1" matches nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := composeOnDemand(t, test.a, test.base)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
