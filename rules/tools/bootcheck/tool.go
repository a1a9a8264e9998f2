package bootcheck

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// arguments of the tool, as the boot_check rule writes them.
type arguments struct {
	Version    string   `json:"version"` // of the kernel
	Arch       string   `json:"arch"`    // of the kernel
	Programs   programs `json:"programs"`
	Console    string   `json:"console"`
	Init       string   `json:"init"`
	RAMMiB     int64    `json:"ram_mib"`
	ReserveMiB int64    `json:"reserve_mib"`
	RamdiskKiB int64    `json:"ramdisk_kib"`
}

type programs struct {
	Arch      string `json:"arch"`
	ELFClass  string `json:"elf_class"`
	ELFData   string `json:"elf_data"`
	KernelMin string `json:"kernel_min"`
	Headers   string `json:"headers"`
}

// Tool is the action tool "bootcheck": inputs "kernel" (what a loader starts),
// "config" (its .config), "image", "manifest" and "contents" (what the image
// holds); output "cmdline", one line of words for the kernel's command line.
func Tool() action.Tool {
	return action.Tool{Name: "bootcheck", Version: 1, Run: runTool}
}

func runTool(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	q, err := args.question()
	if err != nil {
		return err
	}
	if err := readInputs(ctx, call, &q); err != nil {
		return err
	}
	answer, err := Check(q)
	if err != nil {
		return err
	}
	call.Printf("it takes %d MiB of RAM", inMiB(answer.RAM))
	return write(call, strings.Join(answer.Words, " ")+"\n")
}

func (a arguments) question() (Question, error) {
	q := Question{
		Arch:       a.Arch,
		Console:    a.Console,
		Init:       a.Init,
		RAM:        a.RAMMiB * mib,
		Reserve:    a.ReserveMiB * mib,
		RamdiskKiB: a.RamdiskKiB,
		Programs:   Programs{Arch: a.Programs.Arch, Class: a.Programs.ELFClass, Data: a.Programs.ELFData},
	}
	var err error
	if q.Version, err = ParseVersion(a.Version); err != nil {
		return q, fmt.Errorf("the kernel: %w", err)
	}
	if q.Programs.Oldest, err = ParseVersion(a.Programs.KernelMin); err != nil {
		return q, fmt.Errorf("the C library's oldest kernel: %w", err)
	}
	if q.Programs.Headers, err = ParseVersion(a.Programs.Headers); err != nil {
		return q, fmt.Errorf("the kernel headers: %w", err)
	}
	return q, nil
}

func readInputs(ctx context.Context, call action.Call, q *Question) error {
	var err error
	if q.Root, err = manifest.FromInput(ctx, call, "manifest"); err != nil {
		return err
	}
	if q.Fstab, err = fstab(ctx, call, q.Root); err != nil {
		return fmt.Errorf("/etc/fstab: %w", err)
	}
	err = open(ctx, call, "config", func(b action.Blob) error {
		text, err := io.ReadAll(b)
		if err == nil {
			q.Config, err = ParseConfig(text)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = open(ctx, call, "kernel", func(b action.Blob) error {
		q.Kernel, err = ReadKernel(b, b.Size())
		return err
	})
	if err != nil {
		return err
	}
	return open(ctx, call, "image", func(b action.Blob) error {
		q.Image, err = ReadImage(b, b.Size())
		return err
	})
}

// open calls read with the one file that is the input of that name.
func open(ctx context.Context, call action.Call, name string, read func(action.Blob) error) error {
	in := call.Inputs(name)
	if len(in) != 1 {
		return fmt.Errorf("input %s: got %d files, want 1", name, len(in))
	}
	b, err := call.Open(ctx, in[0].Node.Digest)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := read(b); err != nil {
		return fmt.Errorf("%s of %s: %w", in[0].Name, in[0].Owner, err)
	}
	return nil
}

func fstab(ctx context.Context, call action.Call, m *manifest.Manifest) (string, error) {
	e, ok := lookup(m, "etc/fstab")
	if !ok || e.Size() == 0 {
		return "", nil
	}
	return readText(ctx, call, e.Digest)
}

func readText(ctx context.Context, call action.Call, d digest.Digest) (string, error) {
	b, err := call.Open(ctx, d)
	if err != nil {
		return "", err
	}
	defer b.Close()
	text, err := io.ReadAll(b)
	return string(text), err
}

func write(call action.Call, text string) error {
	w, err := call.Create("cmdline", false)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Close()
}
