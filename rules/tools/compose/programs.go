package compose

import (
	stdelf "debug/elf"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/elf"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// programs are the ELF files of a root file system.
type programs struct {
	root    *root
	want    elf.Want
	any     bool // programs for any machine will do
	libDirs []string
	skip    skip
	objects map[string]*elf.Info // by path without a leading slash
}

func newPrograms(r *root, m machine, s skip) *programs {
	return &programs{
		root:    r,
		want:    m.want(r),
		any:     m.ELFMachine == "",
		libDirs: m.LibDirs,
		skip:    s,
		objects: map[string]*elf.Info{},
	}
}

// want is the machine as debug/elf knows it. Unknown names match nothing, so
// that a misspelt platform is noticed.
func (m machine) want(r *root) elf.Want {
	return elf.Want{
		Machine: byName(m.ELFMachine, 1<<16, func(i int) stdelf.Machine { return stdelf.Machine(i) }),
		Class:   byName(m.ELFClass, 1<<8, func(i int) stdelf.Class { return stdelf.Class(i) }),
		Data:    byName(m.ELFData, 1<<8, func(i int) stdelf.Data { return stdelf.Data(i) }),
		HasDir: func(dir string) bool {
			in, _, ok := r.resolve("", dir)
			return ok && in.entry.Type == manifest.Directory
		},
	}
}

func byName[T fmt.Stringer](name string, n int, value func(int) T) T {
	if name == "" {
		return value(0)
	}
	for i := range n {
		if v := value(i); v.String() == name {
			return v
		}
	}
	return value(n - 1)
}

// look reads an ELF file. Object files and kernel modules are left alone: they
// are data.
func (p *programs) look(in *inode, f action.Blob) error {
	if matchesAny(p.skip.Programs, in) {
		return nil
	}
	info, err := elf.Inspect(f)
	if errors.Is(err, elf.ErrNotELF) {
		return nil
	}
	if err != nil {
		p.root.complain(in.entry.Path, "the program of %s cannot be read: %v", in.entry.Origin, err)
		return nil
	}
	if info.Type != stdelf.ET_EXEC && info.Type != stdelf.ET_DYN {
		return nil
	}
	p.objects[in.entry.Path] = info
	if p.any {
		return nil
	}
	for _, problem := range elf.Check("/"+in.entry.Path, info, p.want) {
		p.root.complain(in.entry.Path, "the program of %s: %s", in.entry.Origin, problem.Text)
	}
	return nil
}

// resolve finds the libraries and interpreters that programs want.
func (p *programs) resolve() {
	objects := make(map[string]*elf.Info, len(p.objects))
	for name, info := range p.objects {
		objects["/"+name] = info
	}
	for _, m := range elf.Resolve(objects, p.lookup, p.libDirs) {
		if slices.Contains(p.skip.Libraries, path.Base(m.Name)) {
			continue
		}
		at := strings.TrimPrefix(m.Object, "/")
		p.root.complain(at, "the program of %s needs %s, and no layer brings it%s",
			p.root.inodes[at].entry.Origin, m.Name, p.whereWrong(m))
	}
}

func (p *programs) whereWrong(m elf.Missing) string {
	if len(m.Wrong) == 0 {
		if strings.HasPrefix(m.Name, "/") {
			return ""
		}
		return " in " + strings.Join(p.libDirs, ", ")
	}
	return " for its machine; for another one there is " + strings.Join(m.Wrong, ", ")
}

func (p *programs) lookup(name string) *elf.Info {
	_, at, ok := p.root.resolve("", name)
	if !ok {
		return nil
	}
	return p.objects[at]
}
