package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openDiskFile opens a disk image to be written, and makes it of that size, without
// using space yet, if it does not exist. It is locked as long as it is open: two
// machines that write to one disk destroy what is on it.
func openDiskFile(name string, sizeMiB int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return makeDiskFile(name, sizeMiB)
	}
	if err != nil {
		return nil, fmt.Errorf("--disk: %w", err)
	}
	if err := checkDiskFile(f, sizeMiB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func makeDiskFile(name string, sizeMiB int) (*os.File, error) {
	if sizeMiB == 0 {
		return nil, usagef("--disk %s: no such file; --disk_size_mib MIB makes it", name)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--disk: %w", err)
	}
	if err := errors.Join(f.Truncate(int64(sizeMiB)<<20), lockDiskFile(f)); err != nil {
		return nil, fmt.Errorf("--disk: %w", errors.Join(err, f.Close(), os.Remove(name)))
	}
	return f, nil
}

func checkDiskFile(f *os.File, sizeMiB int) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("--disk: %w", err)
	case !info.Mode().IsRegular():
		return usagef("--disk %s: not a regular file", f.Name())
	case sizeMiB > 0 && info.Size() != int64(sizeMiB)<<20:
		return usagef("--disk_size_mib %d: %s exists and has %d bytes; leave the flag out, or name another file", sizeMiB, f.Name(), info.Size())
	}
	return lockDiskFile(f)
}

func lockDiskFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return usagef("--disk %s: another run has it", f.Name())
	}
	return err
}
