package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	slices.Sort(env)
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
	domain, err := os.ReadFile("/proc/sys/kernel/domainname")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "host %s, domain %s, uid %d, gid %d, umask %03o\n",
		host, strings.TrimSpace(string(domain)), os.Getuid(), os.Getgid(), syscall.Umask(0))
	return nil
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

// mounts prints mount points, options and types; of what is a part of another
// file system, the path there (proc_pid_mountinfo(5)). Whether access
// times are kept, the numbers, and what masks parts of /proc are the kernel's.
func mounts(w io.Writer) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(table)) {
		vfs, fs, _ := strings.Cut(line, " - ")
		fields := strings.Fields(vfs)
		root, at, options := fields[3], fields[4], strings.Split(fields[5], ",")
		switch {
		case strings.HasPrefix(at, "/proc/"):
		case root == "/":
			options = slices.DeleteFunc(options, func(o string) bool { return strings.HasSuffix(o, "atime") })
			fmt.Fprintln(w, at, strings.Join(options, ","), strings.Fields(fs)[0])
		default:
			fmt.Fprintln(w, at, options[0], "root="+root)
		}
	}
	return err
}

// files prints mode, owner and path of everything outside of /proc. The owner
// of a device is the host's.
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
		owner := ""
		if s := info.Sys().(*syscall.Stat_t); info.Mode()&fs.ModeDevice == 0 {
			owner = fmt.Sprintf(" %d:%d", s.Uid, s.Gid)
		}
		link := ""
		if target, err := os.Readlink(path); err == nil {
			link = " -> " + target
		}
		_, err = fmt.Fprintf(w, "%s%s %s%s\n", info.Mode(), owner, path, link)
		return err
	})
}
