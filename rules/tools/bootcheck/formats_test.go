package bootcheck

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/cpio"
	"github.com/kittyhawk/appliance/rules/tools/ext2"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/uimage"
)

// powerKernel is a vmlinux with a segment of 0x1000 bytes, and one of nothing but
// memory behind it.
func powerKernel(t testing.TB, segments ...elf.Prog32) []byte {
	t.Helper()
	if segments == nil {
		segments = []elf.Prog32{
			{Type: uint32(elf.PT_LOAD), Vaddr: 0xc0000000, Paddr: 0, Memsz: 0x1000},
			{Type: uint32(elf.PT_LOAD), Vaddr: 0xc0001000, Paddr: 0x1000, Memsz: 0x234},
			{Type: uint32(elf.PT_NOTE), Vaddr: 0xf0000000, Paddr: 0xf0000000, Memsz: 0x10},
		}
	}
	header := elf.Header32{
		Ident:     [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2MSB), byte(elf.EV_CURRENT)},
		Type:      uint16(elf.ET_EXEC),
		Machine:   uint16(elf.EM_PPC),
		Version:   uint32(elf.EV_CURRENT),
		Phoff:     52,
		Ehsize:    52,
		Phentsize: 32,
		Phnum:     uint16(len(segments)),
	}
	var b bytes.Buffer
	for _, part := range []any{header, segments} {
		if err := binary.Write(&b, binary.BigEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// patched is n zeros with texts at offsets.
func patched(n int, at map[int]string) []byte {
	b := make([]byte, n)
	for offset, text := range at {
		copy(b[offset:], text)
	}
	return b
}

// How much memory a kernel takes is in its file, not the file's size.
func TestReadKernel(t *testing.T) {
	for _, test := range []struct {
		name   string
		file   []byte
		arch   string
		memory int64
	}{
		{"vmlinux", powerKernel(t), "powerpc", 0x1234},
		{"bzImage", patched(0x300, map[int]string{0x202: "HdrS\x0f\x02", 0x260: "\x00\x00\x30\x01"}), "x86", 0x1300000},
		{"bzImage of 2.6.30", patched(0x300, map[int]string{0x202: "HdrS\x09\x02", 0x260: "\x00\x00\x30\x01"}), "x86", 0x300},
		{"bzImage cut short", patched(0x208, map[int]string{0x202: "HdrS\x0f\x02"}), "x86", 0x208},
		{"Image", patched(64, map[int]string{16: "\x00\x00\x55\x00", 56: "ARM\x64"}), "arm64", 0x550000},
		{"Image of 3.16", patched(64, map[int]string{56: "ARM\x64"}), "arm64", 64},
		{"another", []byte("what"), "", 4},
		{"empty", nil, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := ReadKernel(bytes.NewReader(test.file), int64(len(test.file)))
			if err != nil {
				t.Fatal(err)
			}
			if k.Arch != test.arch || k.Memory != test.memory {
				t.Errorf("got %+v, want %s and %d", k, test.arch, test.memory)
			}
		})
	}
}

// A damaged kernel must not have a memory of its own invention.
func TestReadKernelRefuses(t *testing.T) {
	far := elf.Prog32{Type: uint32(elf.PT_LOAD), Paddr: 0xf0000000, Memsz: 0x1000}
	for want, file := range map[string][]byte{
		"2 GiB of memory":              powerKernel(t, elf.Prog32{Type: uint32(elf.PT_LOAD), Memsz: 1}, far),
		"its segments do not lie":      powerKernel(t, []elf.Prog32{}...)[:52],
		"it needs 9223372036854775807": patched(64, map[int]string{16: "\xff\xff\xff\xff\xff\xff\xff\x7f", 56: "ARM\x64"}),
		"EOF":                          powerKernel(t)[:20],
	} {
		if k, err := ReadKernel(bytes.NewReader(file), int64(len(file))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v, want %s", k, err, want)
		}
	}
}

func FuzzReadKernel(f *testing.F) {
	f.Add(powerKernel(f))
	f.Add(patched(0x300, map[int]string{0x202: "HdrS\x0f\x02"}))
	f.Add(patched(64, map[int]string{56: "ARM\x64"}))
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := ReadKernel(bytes.NewReader(file), int64(len(file)))
		if err == nil && (k.Memory < 0 || k.Memory > 1<<33) {
			t.Errorf("memory of %d bytes", k.Memory)
		}
	})
}

// one is a manifest with a file of zeros, and content opens it.
func one(t testing.TB) *manifest.Manifest {
	return entries(t, manifest.Entry{Path: "a", Type: manifest.File, Mode: 0o644, Digest: digest.Of(make([]byte, 5000))})
}

func content(manifest.Entry) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, 5000))), nil
}

func ext2Image(t testing.TB, options ext2.Options) []byte {
	t.Helper()
	layout, err := ext2.Plan(one(t), options)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := layout.Write(context.Background(), &b, content); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cpioImage(t testing.TB) []byte {
	t.Helper()
	layout, err := cpio.Plan(one(t), cpio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := layout.Write(context.Background(), &b, content); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wrapped(t testing.TB, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	spec := uimage.Spec{Arch: 7, OS: 5, Name: "test"}
	var err error
	if spec.Type, err = uimage.ParseType(kind); err != nil {
		t.Fatal(err)
	}
	if _, err := uimage.Write(&b, spec, io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Our own writers' images are known for what they are, however wrapped.
func TestReadImage(t *testing.T) {
	small, large := ext2Image(t, ext2.Options{}), ext2Image(t, ext2.Options{BlockSize: 4096, SizeBytes: 3 * mib})
	archive := cpioImage(t)
	small1 := int64(len(small))
	for _, test := range []struct {
		name string
		file []byte
		want Image
	}{
		{"ext2", small, Image{Ramdisk, false, small1, small1}},
		{"ext2.gz", compressed(t, small), Image{Ramdisk, true, int64(len(compressed(t, small))), small1}},
		{"ext2.gz, 4 KiB", compressed(t, large), Image{Ramdisk, true, int64(len(compressed(t, large))), 3 * mib}},
		{"uimage of ext2.gz", wrapped(t, "ramdisk", compressed(t, small)), Image{Ramdisk, true, int64(len(compressed(t, small))), small1}},
		{"cpio", archive, Image{Initramfs, false, int64(len(archive)), 0}},
		{"cpio.gz", compressed(t, archive), Image{Initramfs, true, int64(len(compressed(t, archive))), 0}},
		{"uimage of cpio", wrapped(t, "ramdisk", archive), Image{Initramfs, false, int64(len(archive)), 0}},
	} {
		got, err := ReadImage(bytes.NewReader(test.file), int64(len(test.file)))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// What no kernel would take for an initrd is said before one tries.
func TestReadImageRefuses(t *testing.T) {
	damaged := ext2Image(t, ext2.Options{})
	damaged[superblock+logSizeOffset] = 7
	whole := wrapped(t, "ramdisk", cpioImage(t))
	flipped := bytes.Clone(whole)
	flipped[20]++
	for want, file := range map[string][]byte{
		"neither ext2 nor cpio (newc)":                      []byte("hsqs"),
		"neither ext2 nor cpio (newc), as it is or in gzip": compressed(t, []byte("x")),
		"want ramdisk":   wrapped(t, "kernel", cpioImage(t)),
		"and has only":   whole[:len(whole)-1],
		"header damaged": flipped,
		"superblock is damaged: the logarithm of the block size is 7": damaged,
		"gzip: invalid header": {0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9},
	} {
		if got, err := ReadImage(bytes.NewReader(file), int64(len(file))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %+v, %v, want %s", got, err, want)
		}
	}
}

func FuzzReadImage(f *testing.F) {
	small := ext2Image(f, ext2.Options{})[:2048]
	f.Add(small)
	f.Add(compressed(f, small))
	f.Add(wrapped(f, "ramdisk", compressed(f, cpioImage(f))))
	f.Fuzz(func(t *testing.T, file []byte) {
		image, err := ReadImage(bytes.NewReader(file), int64(len(file)))
		if err == nil && (image.Size < 0 || image.Stored > int64(len(file))) {
			t.Errorf("got %+v of %d bytes", image, len(file))
		}
	})
}
