package sandbox_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// probes are what a command in a sandbox tries, by name. Each prints what it
// found; an error is printed too, so that the tests can expect it.
var probes = map[string]func(args []string) error{
	"args":     printArgs,
	"env":      printEnv,
	"list":     list,
	"cat":      cat,
	"write":    write,
	"remove":   func(args []string) error { return os.Remove(args[0]) },
	"stat":     stat,
	"fds":      printFDs,
	"self":     printSelf,
	"exit":     exit,
	"raise":    raise,
	"daemon":   daemon,
	"forever":  forever,
	"spawn":    spawn,
	"exec":     func(args []string) error { return unix.Exec(args[0], args, nil) },
	"cd":       func(args []string) error { return os.Chdir(args[0]) },
	"umount":   func(args []string) error { return unix.Unmount(args[0], unix.MNT_DETACH) },
	"remount":  remount,
	"mknod":    func(args []string) error { return unix.Mknod("/tmp/sda", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))) },
	"chroot":   chrootUp,
	"ptrace":   func(args []string) error { return unix.PtraceAttach(1) },
	"signal":   signalInit,
	"connect":  connect,
	"nested":   nested,
	"signals":  printIgnored,
	"readlink": func(args []string) error { return printLink(args[0]) },
	"chown":    func(args []string) error { return os.Chown(args[0], 0, 0) },
	"terminal": printTerminal,
	"open":     func(args []string) error { f, err := os.OpenFile(args[0], os.O_RDWR, 0); f.Close(); return err },
}

func runProbe(args []string) int {
	if err := probes[args[0]](args[1:]); err != nil {
		fmt.Println(err)
	}
	return 0
}

func printArgs(args []string) error {
	fmt.Printf("%q\n", args)
	return nil
}

func printEnv([]string) error {
	dir, err := os.Getwd()
	fmt.Printf("%q in %s\n", os.Environ(), dir)
	return err
}

// list prints all paths below its arguments that are not in /proc.
func list(args []string) error {
	for _, root := range args {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if path == "/proc" {
				return filepath.SkipDir
			}
			fmt.Println(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func cat(args []string) error {
	for _, path := range args {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		os.Stdout.Write(content)
	}
	return nil
}

func write(args []string) error {
	f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(args[1])
	return err
}

func stat(args []string) error {
	for _, path := range args {
		var s unix.Stat_t
		if err := unix.Lstat(path, &s); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Printf("%s %o %d:%d %d\n", path, s.Mode, s.Uid, s.Gid, s.Mtim.Sec)
	}
	return nil
}

// printFDs prints the open files that were inherited.
func printFDs([]string) error {
	for fd := range 100 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			fmt.Print(fd, " ")
		}
	}
	fmt.Println()
	return printLink("/proc/self/fd/0")
}

func printLink(path string) error {
	target, err := os.Readlink(path)
	fmt.Println(target)
	return err
}

// printSelf prints what else a process inherits.
func printSelf([]string) error {
	var names unix.Utsname
	var files, core unix.Rlimit
	unix.Uname(&names)
	unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	unix.Getrlimit(unix.RLIMIT_CORE, &core)
	personality, _, _ := unix.Syscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	session, err := unix.Getsid(0)
	fmt.Printf("host %s domain %s uid %d gid %d leader %t umask %o personality %#x core %d\n",
		unix.ByteSliceToString(names.Nodename[:]), unix.ByteSliceToString(names.Domainname[:]),
		os.Getuid(), os.Getgid(), session == os.Getpid(), unix.Umask(0), personality, core.Max)
	return errorsOf(err, printStatus("NoNewPrivs", "SigBlk", "CapEff"), printProcesses(), printInterfaces())
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func printStatus(keys ...string) error {
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		for _, key := range keys {
			if strings.HasPrefix(line, key+":") {
				fmt.Print(line)
			}
		}
	}
	return err
}

func printProcesses() error {
	entries, err := os.ReadDir("/proc")
	var ids []int
	for _, entry := range entries {
		if id, err := strconv.Atoi(entry.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	sort.Ints(ids)
	fmt.Println("processes", len(ids))
	return err
}

// printInterfaces prints the names in /proc/net/dev, after two lines of headings.
func printInterfaces() error {
	table, err := os.ReadFile("/proc/net/dev")
	for i, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		if name, _, _ := strings.Cut(line, ":"); i >= 2 {
			fmt.Println("interface", strings.TrimSpace(name))
		}
	}
	return err
}

// printIgnored prints which signals are ignored, before any handler of this program.
func printIgnored([]string) error { return printStatus("SigIgn") }

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err == nil {
		os.Exit(code)
	}
	return err
}

func raise(args []string) error {
	number, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	unix.Kill(os.Getpid(), syscall.Signal(number))
	runtime.Goexit() // the signal takes a moment
	return nil
}

// daemon leaves a process behind that has nothing to do with this one any more.
func daemon(args []string) error {
	if len(args) > 0 {
		fmt.Println("daemon")
		return forever(nil)
	}
	cmd := exec.Command("/proc/self/exe", "daemon", "2")
	cmd.Args[0] = probePath
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = out.Read(make([]byte, 6))
	return err
}

// forever can only be killed.
func forever(args []string) error {
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	for _, path := range args {
		if err := os.WriteFile(path, []byte("running"), 0o666); err != nil {
			return err
		}
	}
	for {
		unix.Pause()
	}
}

// spawn starts a daemon and then goes on forever.
func spawn(args []string) error {
	return errorsOf(daemon(nil), forever(args))
}

func remount(args []string) error {
	return unix.Mount("", args[0], "", unix.MS_REMOUNT|unix.MS_BIND, "")
}

// chrootUp is the classic way out of a chroot.
func chrootUp([]string) error {
	if err := unix.Chroot("/tmp"); err != nil {
		return err
	}
	for range 20 {
		unix.Chdir("..")
	}
	unix.Chroot(".")
	return list([]string{"/"})
}

// signalInit tries to stop process 1, and all others.
func signalInit([]string) error {
	unix.Kill(1, unix.SIGKILL)
	unix.Kill(1, unix.SIGSTOP)
	unix.Kill(1, unix.SIGTERM)
	return unix.Kill(1, 0)
}

// connect sends a datagram to an address of the internet, then to itself.
func connect([]string) error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(sock, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	fmt.Println("loopback")
	return unix.Connect(sock, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{192, 0, 2, 1}})
}

// nested makes a user namespace, where one has all capabilities again, and tries
// to write to the root from there.
func nested([]string) error {
	cmd := exec.Command("/proc/self/exe", "remount", "/")
	cmd.Args[0] = probePath
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	os.Stdout.Write(out)
	return err
}
