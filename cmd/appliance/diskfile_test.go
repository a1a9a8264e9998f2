package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Two machines that write to one disk destroy what is on it.
func TestDiskIsForOne(t *testing.T) {
	name := filepath.Join(t.TempDir(), "disk")
	first, err := openDiskFile(name, 8)
	if err != nil {
		t.Fatal(err)
	}
	var usage *usageError
	if _, err := openDiskFile(name, 0); !errors.As(err, &usage) || !strings.HasSuffix(err.Error(), "disk: another run has it") {
		t.Errorf("got %v, want that it is taken", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := openDiskFile(name, 8)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

// A new disk uses space as it is written to.
func TestNewDiskIsSparse(t *testing.T) {
	f, err := openDiskFile(filepath.Join(t.TempDir(), "disk"), 64)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const mib = 1 << 20
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != 64*mib || used > mib {
		t.Errorf("%d bytes use %d, want %d that use next to nothing", info.Size(), used, 64*mib)
	}
}

// What is no disk is left alone.
func TestStrangeDisks(t *testing.T) {
	for name, want := range map[string]string{
		os.DevNull:                               "--disk /dev/null: not a regular file",
		filepath.Join(t.TempDir(), "no", "disk"): "no such file or directory",
	} {
		if _, err := openDiskFile(name, 8); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
