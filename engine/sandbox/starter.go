package sandbox

import (
	"encoding/json"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// starterName is argv[0] of the process between the caller of Run and process 1.
//
// To enter a user namespace, a process has to be copied with its memory first, where it
// otherwise borrows that of its parent until it executes another program
// (syscall.forkAndExecInChild: no CLONE_VFORK with CLONE_NEWUSER). For a caller with 400
// MB that took 40 ms. The starter is small.
const starterName = "appliance: sandbox starter"

// childEnv is the environment of starter and child. Each lives for one command and
// collects no garbage.
var childEnv = []string{"GOGC=off"}

// starterArgs tells the starter, in decimal, the namespaces to make and how many extra
// files to hand on.
func starterArgs(flags uintptr, extra int) []string {
	return []string{starterName, strconv.Itoa(int(flags)), strconv.Itoa(extra)}
}

// startChild is what the starter does. It waits, so that the caller, who waits for the
// starter, knows that the sandbox is gone.
func startChild(args []string) int {
	flags, _ := strconv.Atoi(args[1])
	extra, _ := strconv.Atoi(args[2])
	// The child inherits nothing else, whatever the caller's caller left open.
	files := []uintptr{0, 1, 2, requestFD, reportFD}
	for i := range extra {
		files = append(files, uintptr(extraFD+i))
	}
	unix.CloseRange(requestFD, 1<<30, unix.CLOSE_RANGE_CLOEXEC)
	attr := &syscall.ProcAttr{Env: childEnv, Files: files, Sys: childAttr(uintptr(flags))}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{initName}, attr)
	if errno, ok := err.(syscall.Errno); ok {
		failed := &setupError{Ability: abilityNamespaces, Step: "make namespaces", Errno: errno}
		json.NewEncoder(os.NewFile(reportFD, "report")).Encode(report{Setup: failed})
		return 1
	}
	// With these open, the caller would not learn that the child has closed them.
	for _, fd := range files[3:] {
		unix.Close(int(fd))
	}
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return 0
		}
	}
}

func childAttr(flags uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:                 flags,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		GidMappingsEnableSetgroups: false,
		Setsid:                     true,
	}
}
