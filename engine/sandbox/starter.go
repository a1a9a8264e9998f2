package sandbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Starter runs commands like Run, and faster: one process between the caller
// and its sandboxes, which starts all of them. It is started when it is first
// needed. A Starter may be used by many goroutines; the zero Starter is ready.
//
// To enter a user namespace, a process has to be copied with its memory first, where it
// otherwise borrows that of its parent until it executes another program
// (syscall.forkAndExecInChild: no CLONE_VFORK with CLONE_NEWUSER). For a caller with 400
// MB that took 40 ms. The starter is small.
type Starter struct {
	once    sync.Once
	failed  error // why there is no process
	process *exec.Cmd
	socket  *os.File      // our end; nil without a process
	deaf    chan struct{} // closed when nothing more will be heard

	mu      sync.Mutex
	last    uint32
	pending map[uint32]chan struct{} // closed when the child of that number is gone; nil when deaf
}

// starting is held from fork to exec of a starter, for the reason that
// syscall.ForkLock exists: between the two the starter has a copy of every open file
// of this process. If one of them is a program that is just being written, then
// whoever executes that program gets ETXTBSY (golang/go#22315). Sandboxes are
// forked from the starter, which never has a program open.
var starting sync.Mutex

// open starts the process.
func (s *Starter) open() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sandbox: socket to the starter: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "starter"), os.NewFile(uintptr(ends[1]), "starter")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{starterName}
	cmd.Env = []string{}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	starting.Lock()
	err = cmd.Start()
	starting.Unlock()
	if err != nil {
		ours.Close()
		return fmt.Errorf("sandbox: start: %w", err)
	}
	s.process, s.socket, s.deaf = cmd, ours, make(chan struct{})
	s.pending = map[uint32]chan struct{}{}
	go s.listen()
	return nil
}

// Close ends the process, if there is one. Sandboxes that still run end, too.
func (s *Starter) Close() error {
	if s.socket == nil {
		return nil
	}
	if err := unix.Shutdown(int(s.socket.Fd()), unix.SHUT_RDWR); err != nil {
		return fmt.Errorf("sandbox: end the starter: %w", err)
	}
	<-s.deaf
	return errors.Join(s.process.Wait(), s.socket.Close())
}

// errNoStarter: the process between us and the sandboxes was killed.
var errNoStarter = errors.New("sandbox: the process that starts sandboxes is gone")

// order has a child started with the files as its standard output, standard error,
// requestFD, reportFD and so on, in new namespaces. gone is closed when the child
// has ended, or nobody can tell any more.
func (s *Starter) order(flags uintptr, files []*os.File) (gone <-chan struct{}, err error) {
	s.once.Do(func() { s.failed = s.open() })
	if s.failed != nil {
		return nil, s.failed
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return nil, errNoStarter
	}
	s.last++
	done := make(chan struct{})
	s.pending[s.last] = done
	message := binary.NativeEndian.AppendUint32(nil, s.last)
	message = binary.NativeEndian.AppendUint64(message, uint64(flags))
	if err := unix.Sendmsg(int(s.socket.Fd()), message, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL); err != nil {
		delete(s.pending, s.last)
		return nil, fmt.Errorf("%w: %w", errNoStarter, err)
	}
	return done, nil
}

// listen hears which children are gone, until the starter is.
func (s *Starter) listen() {
	var message [4]byte
	for {
		n, err := unix.Read(int(s.socket.Fd()), message[:])
		if err == unix.EINTR {
			continue
		}
		s.mu.Lock()
		if err != nil || n != len(message) {
			for _, done := range s.pending {
				close(done)
			}
			s.pending = nil
			s.mu.Unlock()
			close(s.deaf)
			return
		}
		id := binary.NativeEndian.Uint32(message[:])
		if done := s.pending[id]; done != nil {
			close(done)
			delete(s.pending, id)
		}
		s.mu.Unlock()
	}
}

// Run is the function Run, by way of this starter.
func (s *Starter) Run(ctx context.Context, spec Spec) (Result, error) {
	if err := spec.check(); err != nil {
		return Result{}, err
	}
	req := request{Spec: spec, Extra: len(spec.ExtraFiles), Stdin: spec.Stdin != nil, Terminal: spec.Terminal != nil}
	rep, err := s.start(ctx, req, cloneFlags(spec))
	if err != nil {
		return Result{}, err
	}
	if err := rep.err(); err != nil {
		return Result{}, err
	}
	return rep.result(), nil
}

// starterName is argv[0] of the starter, socketFD its file descriptor to us.
const (
	starterName = "appliance: sandbox starter"
	socketFD    = 3
)

// childEnv is the environment of the child. It lives for one command and collects no
// garbage.
var childEnv = []string{"GOGC=off"}

// startChildren is what the starter does until the other end of its socket is closed.
func startChildren() int {
	unix.CloseRange(socketFD, 1<<30, unix.CLOSE_RANGE_CLOEXEC)
	message, rights := make([]byte, 12), make([]byte, 4096)
	for {
		n, nrights, _, _, err := unix.Recvmsg(socketFD, message, rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != len(message) {
			return 0
		}
		id := binary.NativeEndian.Uint32(message)
		flags := uintptr(binary.NativeEndian.Uint64(message[4:]))
		files := receivedFiles(rights[:nrights])
		go func() {
			startChild(flags, files)
			unix.Write(socketFD, binary.NativeEndian.AppendUint32(nil, id))
		}()
	}
}

// receivedFiles are the file descriptors that came with a message.
func receivedFiles(rights []byte) []int {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil
	}
	return fds
}

// startChild starts a child with these files after its standard input, and waits for
// its end, so that the caller, who waits for us, knows that the sandbox is gone.
func startChild(flags uintptr, files []int) {
	inherited := []uintptr{0}
	for _, fd := range files {
		inherited = append(inherited, uintptr(fd))
	}
	attr := &syscall.ProcAttr{Env: childEnv, Files: inherited, Sys: childAttr(flags)}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{initName}, attr)
	if errno, ok := err.(syscall.Errno); ok && len(files) >= reportFD {
		failed := &setupError{Ability: abilityNamespaces, Step: "make namespaces", Errno: errno}
		json.NewEncoder(os.NewFile(uintptr(files[reportFD-1]), "report")).Encode(report{Setup: failed})
	}
	// With these open, the caller would not learn that the child has closed them.
	for _, fd := range files {
		unix.Close(fd)
	}
	for err == nil {
		if _, waited := unix.Wait4(pid, nil, 0, nil); waited != unix.EINTR {
			return
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
