package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// standardize fixes what processes inherit besides files, so that results do not
// depend on how the caller was started. It changes this thread and process.
func standardize() error {
	unix.Umask(0o022)
	unix.KeyctlJoinSessionKeyring("") // without key management there are no keys to hide
	if err := setLimits(); err != nil {
		return err
	}
	if err := resetSignals(); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, addrNoRandomize, 0, 0); errno != 0 {
		return step("", "switch address randomization off", errno)
	}
	return dropPrivileges()
}

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// limits are upper bounds for soft and hard limits. Where the host allows less,
// it stays at that.
var limits = []struct {
	resource   int
	soft, hard uint64
}{
	{unix.RLIMIT_CORE, 0, 0},
	// Old programs close every file that they might have open, up to the limit: a
	// thousand is quick. Linkers raise it themselves, up to the hard limit.
	{unix.RLIMIT_NOFILE, 1024, 4096},
	// It bounds the length of argument lists, too.
	{unix.RLIMIT_STACK, 8 << 20, unix.RLIM_INFINITY},
}

func setLimits() error {
	for _, l := range limits {
		var have unix.Rlimit
		if err := unix.Getrlimit(l.resource, &have); err != nil {
			return step("", "read a resource limit", err)
		}
		hard := min(l.hard, have.Max)
		want := unix.Rlimit{Cur: min(l.soft, hard), Max: hard}
		if err := unix.Setrlimit(l.resource, &want); err != nil {
			return step("", "set a resource limit", err)
		}
	}
	return nil
}

// resetSignals unblocks all signals and gives each its default action. The command
// inherits that: those that a shell or nohup(1) made us ignore would stay
// ignored. And the kernel keeps signals of the command away from a process 1 that has no
// handler for them (kill(2)). The Go runtime does without: SIGURG, by which it preempts
// goroutines, is one that it can miss. (package os/signal takes milliseconds for this.)
func resetSignals() error {
	if err := unblockSignals(); err != nil {
		return err
	}
	const last, setSize = 64, 8 // of the kernel: _NSIG, bytes of a sigset_t
	for signal := unix.Signal(1); signal <= last; signal++ {
		if signal == unix.SIGKILL || signal == unix.SIGSTOP {
			continue
		}
		// All zero is SIG_DFL without flags on all our architectures; none has a longer struct.
		var action [8]uintptr
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, setSize, 0, 0)
		if errno != 0 {
			return step("", "reset signals", errno)
		}
	}
	return nil
}

// unblockSignals is for the calling thread.
func unblockSignals() error {
	var none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil); err != nil {
		return step("", "unblock signals", err)
	}
	return nil
}

// keptCapabilities are what programs expect of root when they install files. They hold
// for the caller's own files only. Without the others a command cannot mount,
// trace process 1 or make device nodes.
const keptCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID |
	1<<unix.CAP_KILL | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID

// dropPrivileges bounds what the command gets when it is executed as uid 0.
// Process 1 keeps its capabilities, so that the command cannot look into it (ptrace(2),
// "Ptrace access mode checking").
func dropPrivileges() error {
	for capability := range 64 {
		if keptCapabilities>>capability&1 == 1 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0)
		if err == unix.EINVAL {
			break // the kernel knows no more
		}
		if err != nil {
			return step(abilityNamespaces, "drop capabilities", err)
		}
	}
	return step("", "set no_new_privs", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}
