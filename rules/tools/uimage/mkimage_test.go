package uimage

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// run gives what mkimage prints, with its errors.
func run(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"SOURCE_DATE_EPOCH=1000000000", "TZ=UTC", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("mkimage %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

var listed = regexp.MustCompile(`(?m)^\t([\w-]+) {2,}`)

// known are the names that this version of mkimage takes for an option: newer
// ones know more, older ones some that are gone now.
func known(program, option string) map[string]bool {
	out, _ := exec.Command(program, option, "list").CombinedOutput() // "list" is an error to it
	names := map[string]bool{"ppc": true}
	for _, match := range listed.FindAllSubmatch(out, -1) {
		names[string(match[1])] = true
	}
	return names
}

// compare compares an image of ours with one that mkimage makes of the same.
func compare(t *testing.T, program string, spec Spec, typeName string, parts ...string) {
	t.Helper()
	dir := t.TempDir()
	var names []string
	var sections []*io.SectionReader
	for i, part := range parts {
		name := filepath.Join(dir, fmt.Sprintf("part%d", i))
		if err := os.WriteFile(name, []byte(part), 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		sections = append(sections, section(part))
	}
	theirs := filepath.Join(dir, "theirs")
	_, err := run(program, "-A", spec.Arch.String(), "-O", spec.OS.String(), "-T", typeName,
		"-C", spec.Compression.String(), "-a", hex(spec.Load), "-e", hex(spec.Entry),
		"-n", spec.Name, "-d", strings.Join(names, ":"), theirs)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, spec, sections...); !bytes.Equal(got, want) {
		t.Errorf("%+v\ngot  %x\nwant %x", spec, got, want)
	}
	if _, err := Verify(bytes.NewReader(want)); err != nil {
		t.Errorf("mkimage's own image: %v", err)
	}
}

func hex(n uint32) string { return strconv.FormatUint(uint64(n), 16) }

func TestMkimageWritesTheSameBytes(t *testing.T) {
	program := judge.Tool(t, "mkimage")
	spec := ramdisk
	spec.Load, spec.Entry = 0x800000, 0x800010
	archs, systems, comps, types := known(program, "-A"), known(program, "-O"), known(program, "-C"), known(program, "-T")
	compared := 0
	for _, name := range Archs() {
		if spec := spec; archs[name] {
			spec.Arch, _ = ParseArch(name)
			compare(t, program, spec, "ramdisk", "data")
			compared++
		}
	}
	for _, name := range OSes() {
		// Of a "tee", mkimage takes the addresses from the data's own header.
		if spec := spec; systems[name] && name != "tee" {
			spec.OS, _ = ParseOS(name)
			compare(t, program, spec, "ramdisk", "data")
			compared++
		}
	}
	for _, name := range Compressions() {
		if spec := spec; comps[name] {
			spec.Compression, _ = ParseCompression(name)
			compare(t, program, spec, "ramdisk", "data")
			compared++
		}
	}
	for _, name := range append(Types(), "fdt_legacy") {
		// mkimage makes a FIT image of a flat_dt, unless asked for fdt_legacy.
		if spec := spec; types[name] && name != "flat_dt" {
			spec.Type, _ = ParseType(name)
			compare(t, program, spec, name, "data")
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("compared only %d names; has mkimage changed the form of its lists?", compared)
	}
}

func TestMkimageWritesTheSameParts(t *testing.T) {
	program := judge.Tool(t, "mkimage")
	spec := ramdisk
	for _, spec.Type = range []Type{TypeMulti, TypeScript} {
		compare(t, program, spec, spec.Type.String(), "1")
		compare(t, program, spec, spec.Type.String(), "1", "22", "333", "4444", "55555")
	}
}

// What people see with mkimage -l is what was asked for.
func TestMkimageList(t *testing.T) {
	program := judge.Tool(t, "mkimage")
	spec := ramdisk
	spec.Load, spec.Entry, spec.Name = 0x800000, 0x800010, strings.Repeat("n", 32)
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, write(t, spec, section("data")), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := run(program, "-l", name)
	if err != nil {
		t.Fatal(err)
	}
	const want = `Image Name:   nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
Created:      Sun Sep  9 01:46:40 2001
Image Type:   PowerPC Linux RAMDisk Image (gzip compressed)
Data Size:    4 Bytes = 0.00 KiB = 0.00 MiB
Load Address: 00800000
Entry Point:  00800010
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
