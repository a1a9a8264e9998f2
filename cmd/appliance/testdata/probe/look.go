package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// look reports all that a command can see of its machine: files, mounts,
// environment, names, open files, processes, network.
func look(report string) error {
	f, err := os.Create(report)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, part := range []struct {
		title string
		write func(io.Writer) error
	}{
		{"arguments", arguments},
		{"environment", environment},
		{"identity", identity},
		{"open files", openFiles},
		{"processes", processes},
		{"network", network},
		{"mounts", mounts},
		{"files", files},
	} {
		fmt.Fprintf(f, "[%s]\n", part.title)
		if err := part.write(f); err != nil {
			return fmt.Errorf("%s: %w", part.title, err)
		}
	}
	return f.Close()
}

func arguments(w io.Writer) error {
	dir, err := os.Getwd()
	fmt.Fprintf(w, "%q in %s\n", os.Args, dir)
	return err
}

func environment(w io.Writer) error {
	env := os.Environ()
	sort.Strings(env)
	for _, v := range env {
		fmt.Fprintln(w, v)
	}
	return nil
}

func identity(w io.Writer) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	groups, err := os.Getgroups()
	umask := syscall.Umask(0)
	fmt.Fprintf(w, "host %s, uid %d, gid %d, groups %d, umask %03o\n", host, os.Getuid(), os.Getgid(), len(groups), umask)
	for _, name := range []string{"/proc/sys/kernel/domainname", "/proc/self/uid_map"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if name == "/proc/self/uid_map" { // the middle number is the caller
			fields := strings.Fields(string(text))
			text = []byte(fields[0] + " … " + fields[2])
		}
		fmt.Fprintf(w, "%s: %s\n", filepath.Base(name), strings.TrimSpace(string(text)))
	}
	return err
}

// openFiles lists what was inherited: Go opens its own files to close on exec.
func openFiles(w io.Writer) error {
	for fd := range 1024 {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%d %s\n", fd, target)
		}
	}
	return nil
}

func processes(w io.Writer) error {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprint(w, string(comm))
	}
	return err
}

// network names the interfaces; two lines of headings stand before them.
func network(w io.Writer) error {
	table, err := os.ReadFile("/proc/net/dev")
	for i, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		if name, _, _ := strings.Cut(line, ":"); i >= 2 {
			fmt.Fprintln(w, strings.TrimSpace(name))
		}
	}
	return err
}

// mounts prints root, mount point, options, type, source and options of the
// file system of each mount; numbers are left out (proc_pid_mountinfo(5)).
func mounts(w io.Writer) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		fmt.Fprintln(w, strings.Join(fields[3:], " "))
	}
	return err
}

// files prints type, mode, owner and path of everything outside of /proc.
func files(w io.Writer) error {
	return filepath.WalkDir("/", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == "/proc" {
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(w, "%s %d:%d %s", info.Mode(), s.Uid, s.Gid, path)
		if target, err := os.Readlink(path); err == nil {
			fmt.Fprintf(w, " -> %s", target)
		}
		_, err = fmt.Fprintln(w)
		return err
	})
}
