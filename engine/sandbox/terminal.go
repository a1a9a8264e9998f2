package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// A command that has a terminal has one of the sandbox's own /dev/pts, so that it
// finds it by name, and a shell in it controls jobs. Process 1 opens it, sends the
// caller the master by a socket, and starts the command when the caller has it:
// nothing is printed before the terminal has its size.

// handover is the way of a master from process 1 to the caller.
type handover struct {
	ours, theirs *os.File
	done         chan struct{} // closed when nothing more will come
}

func newHandover() (*handover, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket for a terminal", err)
	}
	return &handover{os.NewFile(uintptr(ends[0]), "terminal"), os.NewFile(uintptr(ends[1]), "terminal"), make(chan struct{})}, nil
}

// close is for a sandbox that was never started.
func (h *handover) close() {
	h.ours.Close()
	h.theirs.Close()
}

// serve waits for the master on a goroutine of its own. Without one the sandbox was
// not made, and its report says why.
func (h *handover) serve(take func(master *os.File)) {
	h.theirs.Close()
	go func() {
		defer close(h.done)
		defer h.ours.Close()
		socket := int(h.ours.Fd())
		if fds := receiveFiles(socket); len(fds) == 1 {
			take(os.NewFile(uintptr(fds[0]), "terminal"))
			unix.Write(socket, ready)
		}
	}()
}

// ready is the message that comes with a master, and the answer to it.
var ready = []byte{1}

func receiveFiles(socket int) []int {
	message, rights := make([]byte, len(ready)), make([]byte, 64)
	for {
		_, n, _, _, err := unix.Recvmsg(socket, message, rights, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			return receivedFiles(rights[:max(n, 0)])
		}
	}
}

// openTerminal is the line of a new terminal, whose master goes through the socket.
// It follows pts(4).
func openTerminal(socket int) (line int, err error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, step("", "open /dev/ptmx", err)
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, step("", "unlock a terminal", err)
	}
	// By its number it could be another one's: /dev/pts may be mounted over.
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return -1, step("", "open a terminal", errno)
	}
	line = int(peer)
	if err := unix.Sendmsg(socket, ready, unix.UnixRights(master), nil, unix.MSG_NOSIGNAL); err != nil {
		return line, step("", "hand over a terminal", err)
	}
	for {
		if _, err := unix.Read(socket, make([]byte, len(ready))); err != unix.EINTR {
			return line, step("", "wait for the terminal to be taken", err)
		}
	}
}
