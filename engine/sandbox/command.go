package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepare builds the sandbox around this process, or tries one ability.
func prepare(req request) error {
	unix.Umask(0)
	if req.Probe != "" {
		return req.Probe.try(req.Spec.Scratch)
	}
	hideInterpreters()
	if err := setNames(); err != nil {
		return err
	}
	if !req.Spec.Network {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	return enterRoot(req.Spec)
}

// runCommand starts the command and waits for its end, reaping orphans meanwhile.
func runCommand(req request, rep *report) error {
	if err := standardize(); err != nil {
		return err
	}
	pid, err := startCommand(req)
	if err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		if ended == pid {
			rep.Status = status
			break
		}
		if err != nil && err != unix.EINTR {
			return step("", "wait for the command", err)
		}
	}
	return rep.measure()
}

// measure fills in what the command and its descendants used.
func (r *report) measure() error {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &usage); err != nil {
		return step("", "measure the command", err)
	}
	r.User = time.Duration(usage.Utime.Nano())
	r.System = time.Duration(usage.Stime.Nano())
	r.MaxRSS = int64(usage.Maxrss) << 10
	return nil
}

// startCommand returns the process id of the command.
func startCommand(req request) (int, error) {
	spec := req.Spec
	if spec.Dir != "" {
		if err := unix.Chdir(spec.Dir); err != nil {
			return 0, step("", "enter working directory "+spec.Dir, err)
		}
	}
	program, notFound := lookPath(spec.Argv[0], spec.Env)
	if notFound != nil {
		return 0, notFound
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, step("", "open /dev/null", err)
	}
	defer unix.Close(null)
	files := []uintptr{uintptr(null), 1, 2}
	if req.Stdin {
		files[0] = uintptr(extraFD + req.Extra)
	}
	for i := range req.Extra {
		files = append(files, uintptr(extraFD+i))
	}
	if req.Terminal {
		line, err := openTerminal(extraFD + req.Extra + asNumber(req.Stdin))
		if err != nil {
			return 0, err
		}
		defer unix.Close(line)
		copy(files, []uintptr{uintptr(line), uintptr(line), uintptr(line)})
	}
	attr := &syscall.ProcAttr{Env: spec.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true, Setctty: req.Terminal}}
	pid, err := forkExec(program, spec.Argv, attr)
	if err != nil {
		return 0, &StartError{spec.Argv[0], whyNot(program, err)}
	}
	return pid, nil
}

// forkExec starts a program. One that some process of the host holds open for writing,
// though only because it forked while another thread wrote it, is tried
// again for a second or so.
func forkExec(program string, argv []string, attr *syscall.ProcAttr) (int, error) {
	const longest = 512 * time.Millisecond
	for pause := time.Millisecond; ; pause *= 2 {
		pid, err := syscall.ForkExec(program, argv, attr)
		if err != syscall.ETXTBSY || pause > longest {
			return pid, err
		}
		time.Sleep(pause)
	}
}

// whyNot explains why the kernel would not execute program.
func whyNot(program string, err error) string {
	switch err {
	case unix.ENOENT:
		return missing(program)
	case unix.ENOEXEC:
		return "exec format error: " + foreign(program)
	case unix.ETXTBSY:
		return "text file busy: some process keeps it open for writing"
	}
	return err.Error()
}

// missing tells a program that is not there from one whose interpreter is not.
func missing(program string) string {
	if _, err := os.Stat(program); err != nil {
		return "no such file in the sandbox"
	}
	if interpreter := interpreterOf(program); interpreter != "" {
		return "its interpreter " + interpreter + " is not in the sandbox"
	}
	return unix.ENOENT.Error()
}

// interpreterOf returns what a script's first line or an ELF program header names.
func interpreterOf(program string) string {
	f, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	start := make([]byte, 256) // BINPRM_BUF_SIZE: the kernel reads no further
	n, _ := io.ReadFull(f, start)
	if line, isScript := strings.CutPrefix(string(start[:n]), "#!"); isScript {
		line, _, _ = strings.Cut(line, "\n")
		interpreter, _, _ := strings.Cut(strings.Trim(line, " \t"), " ")
		return interpreter
	}
	file, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	for _, header := range file.Progs {
		if header.Type == elf.PT_INTERP && header.Filesz < unix.PathMax {
			text, _ := io.ReadAll(header.Open())
			return strings.TrimRight(string(text), "\x00")
		}
	}
	return ""
}

// foreign explains why the kernel knows no way to run program.
func foreign(program string) string {
	file, err := elf.Open(program)
	if err != nil {
		return "it is neither an ELF program nor a script that starts with #!"
	}
	defer file.Close()
	return fmt.Sprintf("it is a program for another machine (%v), this one is %s", file.Machine, runtime.GOARCH)
}

// lookPath finds program as execvp(3) would, in the PATH of env.
func lookPath(program string, env []string) (string, *StartError) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	list, ok := pathOf(env)
	if !ok {
		return "", &StartError{program, "no slash in it and no PATH in the environment"}
	}
	for dir := range strings.SplitSeq(list, ":") {
		if dir == "" {
			dir = "."
		}
		if found := dir + "/" + program; isExecutable(found) {
			return found, nil
		}
	}
	return "", &StartError{program, "not found in PATH " + list}
}

func pathOf(env []string) (string, bool) {
	for _, entry := range env {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			return list, true
		}
	}
	return "", false
}

func isExecutable(p string) bool {
	var stat unix.Stat_t
	return unix.Stat(p, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG && unix.Access(p, unix.X_OK) == nil
}
