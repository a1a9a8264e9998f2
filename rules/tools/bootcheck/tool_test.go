package bootcheck

import (
	"context"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/ext2"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/trees/treetest"
)

const goodArguments = `{"version":"6.1.176","arch":"powerpc","console":"ttyS0","init":"","ram_mib":64,"reserve_mib":16,"ramdisk_kib":0,
	"programs":{"arch":"powerpc","elf_class":"ELFCLASS32","elf_data":"ELFDATA2MSB","kernel_min":"3.2","headers":"6.1.4"}}`

// files are the inputs of a call, by name.
func files(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"config":   []byte(all),
		"image":    compressed(t, ext2Image(t, ext2.Options{SizeBytes: 5 * mib})),
		"kernel":   powerKernel(t),
		"manifest": []byte(root(t).String()),
	}
}

func call(arguments string, files map[string][]byte) *treetest.Call {
	c := treetest.New(arguments)
	for name, content := range files {
		c.AddFile(name, name, content)
	}
	return c
}

// The words are a line of a file, for whoever starts the machine.
func TestToolWritesTheWords(t *testing.T) {
	c := call(goodArguments, files(t))
	if err := Tool().Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	const want = "root=/dev/ram0 rw\n"
	b, err := c.Open(context.Background(), c.Outputs["cmdline"].Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([]byte, b.Size())
	if _, err := b.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The image's own /etc/fstab counts.
func TestToolReadsFstab(t *testing.T) {
	const fstab = "/dev/vda /var ext4 defaults 0 0\n"
	in := files(t)
	in["manifest"] = []byte(root(t, manifest.Entry{Path: "etc/fstab", Type: manifest.File, Mode: 0o644, Digest: digest.Of([]byte(fstab))}).String())
	c := call(goodArguments, in)
	c.AddTree("contents", "//:root", map[string]string{"etc/fstab": "file " + fstab})
	err := Tool().Run(context.Background(), c)
	const want = "CONFIG_EXT4_FS is not set: /etc/fstab mounts ext4 on /var"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Whatever is wrong with the inputs, nothing is written, and the error says which
// of them it is.
func TestToolRefuses(t *testing.T) {
	for _, test := range []struct {
		name, arguments string
		change          func(map[string][]byte)
		want            string
	}{
		{"argument", strings.Replace(goodArguments, "console", "konsole", 1), nil, "konsole"},
		{"version", strings.Replace(goodArguments, "6.1.176", "six", 1), nil, `the kernel: got version "six"`},
		{"oldest", strings.Replace(goodArguments, `"3.2"`, `""`, 1), nil, `the C library's oldest kernel: got version ""`},
		{"headers", strings.Replace(goodArguments, "6.1.4", "new", 1), nil, `the kernel headers: got version "new"`},
		{"config", goodArguments, func(f map[string][]byte) { f["config"] = []byte("what") }, `config of //:config: line 1: got "what"`},
		{"kernel", goodArguments, func(f map[string][]byte) { f["kernel"] = []byte("\x7fELF") }, "kernel of //:kernel: EOF"},
		{"image", goodArguments, func(f map[string][]byte) { f["image"] = nil }, "image of //:image: it is neither ext2 nor cpio"},
		{"manifest", goodArguments, func(f map[string][]byte) { f["manifest"] = nil }, "appliance-manifest"},
		{"missing", goodArguments, func(f map[string][]byte) { delete(f, "kernel") }, "input kernel: got 0 files, want 1"},
		{"RAM", strings.Replace(goodArguments, `"ram_mib":64`, `"ram_mib":16`, 1), nil, "the machine has 16 MiB of RAM, and it takes 22: 1 for the kernel"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := files(t)
			if test.change != nil {
				test.change(in)
			}
			c := call(test.arguments, in)
			err := Tool().Run(context.Background(), c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if len(c.Outputs) > 0 {
				t.Error("there is an output in spite of it")
			}
		})
	}
}
