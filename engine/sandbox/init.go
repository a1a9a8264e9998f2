package sandbox

import (
	"encoding/json"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// initName is argv[0] of process 1.
const initName = "appliance: sandbox"

// File descriptors of the child. ExtraFiles of the Spec follow.
const (
	requestFD = 3
	reportFD  = 4
	extraFD   = 5
)

// Main is the start of a sandbox's own processes. Every program that calls Run, tests
// too, calls Main first of all. It returns at once unless the process is such a child,
// and then never.
func Main() {
	switch {
	case len(os.Args) == 1 && os.Args[0] == starterName:
		os.Exit(startChildren())
	case len(os.Args) == 1 && os.Args[0] == initName:
		initialize()
	}
}

// initialize is process 1 of a sandbox.
//
// Its main thread does nothing but wait. The kernel keeps the command's signals away
// from a process 1 that has no handler for them, yet not while the main thread
// blocks them, as the Go runtime does to fork and to start threads: then the kernel finds
// another thread that a signal can end, and ends the process (complete_signal in
// kernel/signal.c).
func initialize() {
	runtime.LockOSThread()
	unblockSignals()
	go work()
	select {}
}

// work is what process 1 does.
func work() {
	// Capabilities, personality, signal mask and no_new_privs belong to a thread
	// and are inherited by what this thread forks.
	runtime.LockOSThread()
	unix.CloseRange(requestFD, 1<<30, unix.CLOSE_RANGE_CLOEXEC)
	requests := os.NewFile(requestFD, "request")
	req, err := decodeRequest(requests)
	if err != nil {
		os.Exit(1) // the parent is gone
	}
	go endWithParent(requests)
	rep := carryOut(req)
	json.NewEncoder(os.NewFile(reportFD, "report")).Encode(rep)
	os.Exit(0)
}

// endWithParent ends this process, and with it the sandbox, when the last
// copy of the other end of the pipe is closed.
func endWithParent(requests *os.File) {
	io.Copy(io.Discard, requests)
	os.Exit(1)
}

// carryOut does what the request asks for.
func carryOut(req request) report {
	var rep report
	err := prepare(req)
	if err == nil && req.Probe == "" {
		err = runCommand(req, &rep)
	}
	switch err := err.(type) {
	case nil:
	case *StartError:
		rep.NotStarted = err
	case *setupError:
		rep.Setup = err
	default:
		rep.Setup = &setupError{Step: "prepare", Note: err.Error()}
	}
	return rep
}
