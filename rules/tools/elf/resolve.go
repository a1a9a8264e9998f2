package elf

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Missing is a file that another one needs and the image does not have.
type Missing struct {
	Object string   // path of the file that needs it
	Name   string   // DT_NEEDED, or the path of the interpreter
	Wrong  []string // paths of files of that name for another machine
}

// Resolve looks for the libraries and interpreters of objects, all ELF files of
// an image by path, as ld.so(8) does: in RPATH (unless there is a RUNPATH), in
// RUNPATH, in libDirs. The result is sorted by object, then in order of need.
//
// lookup finds the file that a path in the image leads to, symbolic links
// followed; it returns nil if there is none or if it is not an ELF file.
//
// Not followed is the inheritance of an executable's RPATH by its libraries:
// whoever relies on it gets a report too many. Not known is what a program
// loads with dlopen(3).
func Resolve(objects map[string]*Info, lookup func(path string) *Info, libDirs []string) []Missing {
	r := resolver{lookup: lookup, libDirs: libDirs, builtin: builtinNames(objects, lookup)}
	var missing []Missing
	for _, object := range slices.Sorted(maps.Keys(objects)) {
		missing = append(missing, r.object(object, objects[object])...)
	}
	return missing
}

type resolver struct {
	lookup  func(path string) *Info
	libDirs []string
	builtin map[string]bool // names that an interpreter answers to itself
}

func (r resolver) object(object string, info *Info) []Missing {
	var missing []Missing
	if info.Interpreter != "" && !matches(info, r.lookup(info.Interpreter)) {
		missing = append(missing, Missing{Object: object, Name: info.Interpreter})
	}
	for _, name := range info.Needed {
		if r.builtin[name] {
			continue
		}
		if found, wrong := r.find(object, info, name); !found {
			missing = append(missing, Missing{Object: object, Name: name, Wrong: wrong})
		}
	}
	return missing
}

// find searches for a library; the loader goes on if one of the name is for
// another machine.
func (r resolver) find(object string, info *Info, name string) (found bool, wrong []string) {
	for _, candidate := range r.candidates(object, info, name) {
		library := r.lookup(candidate)
		if matches(info, library) {
			return true, nil
		}
		if library != nil {
			wrong = append(wrong, candidate)
		}
	}
	return false, wrong
}

func (r resolver) candidates(object string, info *Info, name string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	dirs := info.RunPath
	if len(dirs) == 0 {
		dirs = info.RPath
	}
	var paths []string
	for _, dir := range slices.Concat(dirs, r.libDirs) {
		if dir = expandOrigin(object, dir); path.IsAbs(dir) {
			paths = append(paths, path.Join(dir, name))
		}
	}
	return paths
}

// matches reports whether library, which may be nil, can be loaded into info's
// process.
func matches(info, library *Info) bool {
	return library != nil && info.Class == library.Class &&
		info.Data == library.Data && info.Machine == library.Machine
}

// builtinNames are the names of interpreters, which are loaded anyway, and for
// musl's the names of all parts of the C library (ldso/dynlink.c, load_library).
func builtinNames(objects map[string]*Info, lookup func(path string) *Info) map[string]bool {
	names := map[string]bool{}
	for _, info := range objects {
		interpreter := lookup(info.Interpreter)
		if info.Interpreter == "" || interpreter == nil {
			continue
		}
		base := path.Base(info.Interpreter)
		names[base] = true
		if interpreter.SOName != "" {
			names[interpreter.SOName] = true
		}
		if strings.HasPrefix(base, "ld-musl-") {
			for _, part := range []string{"c", "pthread", "rt", "m", "dl", "util", "xnet"} {
				names["lib"+part+".so"] = true
			}
		}
	}
	return names
}
