package jobserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fifoName is the name of a lease's FIFO in the directory given to Serve.
const fifoName = "jobserver"

// A Lease is one action's access to the pool. The action must hold a token of its
// own, from Acquire, for as long.
type Lease struct {
	pool  *Pool
	path  string
	files []*os.File // ends of the FIFO to inherit: the one to read, the one to write
	fifo  *os.File   // our own end, both ways, not blocking
	conn  syscall.RawConn

	watchers sync.WaitGroup

	// The rest belongs to pool.mu.
	out    int  // tokens that went into the FIFO and were not taken back by us
	unread int  // how many of them lay in the FIFO when we last looked
	eager  bool // the client took the last offer, or it is this lease's turn
	closed bool
}

// Serve makes a FIFO in dir, an existing directory that no other lease uses,
// and offers tokens in it until Close.
func (p *Pool) Serve(dir string) (*Lease, error) {
	l := &Lease{pool: p, path: filepath.Join(dir, fifoName)}
	if err := unix.Mkfifo(l.path, 0o600); err != nil {
		return nil, fmt.Errorf("jobserver: make fifo %s: %w", l.path, err)
	}
	if err := l.open(); err != nil {
		l.closeFiles()
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	p.mu.Lock()
	p.leases = append(p.leases, l)
	p.balance()
	p.mu.Unlock()
	l.watchers.Go(l.watchReads)
	l.watchers.Go(l.watchWrites)
	return l, nil
}

func (l *Lease) open() error {
	var err error
	if l.fifo, err = os.OpenFile(l.path, os.O_RDWR|unix.O_NONBLOCK, 0); err != nil {
		return err
	}
	if l.conn, err = l.fifo.SyscallConn(); err != nil {
		return err
	}
	// Clients want blocking files, and would find ours not to be.
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		fd, err := unix.Open(l.path, flag|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: l.path, Err: err}
		}
		l.files = append(l.files, os.NewFile(uintptr(fd), l.path))
	}
	return l.shrink()
}

// shrink makes the pipe one page long. A pipe counts as writable when it has a free page,
// so that this one becomes writable when the last token is read: that is how
// we hear of it. (A page that is not full takes more tokens all the same.)
func (l *Lease) shrink() error {
	var failed error
	err := l.conn.Control(func(fd uintptr) {
		_, failed = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, os.Getpagesize())
	})
	return errors.Join(err, failed)
}

// Path returns the host path of the FIFO.
func (l *Lease) Path() string { return l.path }

// Files returns the ends of the FIFO for clients that inherit files: the one
// to read and the one to write. They stay open until Close.
func (l *Lease) Files() []*os.File { return l.files }

// MakeFlags returns the value of MAKEFLAGS for GNU make from 4.4 and ninja from 1.13, which
// open the FIFO by its path. Older versions of make stop at it with an error.
func (l *Lease) MakeFlags(pathInSandbox string) string {
	return l.makeFlags("fifo:" + pathInSandbox)
}

// MakeFlagsInherited returns the value of MAKEFLAGS for every GNU make, where the
// client has inherited Files as file descriptors read and write.
func (l *Lease) MakeFlagsInherited(read, write int) string {
	return l.makeFlags(fmt.Sprintf("%d,%d", read, write))
}

// makeFlags begins with a space, without which make could take the first word
// for single-letter options.
func (l *Lease) makeFlags(auth string) string {
	return fmt.Sprintf(" -j%d --jobserver-auth=%s", l.pool.size, auth)
}

// Close returns all tokens of the lease to the pool and removes the FIFO. No
// client may be alive any more: tokens that one still holds are used twice.
func (l *Lease) Close() error {
	p := l.pool
	p.mu.Lock()
	l.closed = true
	p.leases = slices.DeleteFunc(p.leases, func(other *Lease) bool { return other == l })
	p.free += l.out
	l.out, l.unread = 0, 0
	p.balance()
	p.mu.Unlock()

	l.fifo.SetDeadline(time.Now()) // ends the watchers
	l.watchers.Wait()
	return l.closeFiles()
}

func (l *Lease) closeFiles() error {
	var errs []error
	for _, f := range append(l.files, l.fifo) {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, os.Remove(l.path))...)
}

// watchReads balances whenever the FIFO has become empty: a client took the offer.
func (l *Lease) watchReads() {
	l.conn.Write(func(uintptr) bool { return l.changed() })
}

// watchWrites balances whenever something was written: a client returned a token.
func (l *Lease) watchWrites() {
	l.conn.Read(func(uintptr) bool { return l.changed() })
}

// changed reports whether the watching is over.
func (l *Lease) changed() bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if !l.closed {
		l.pool.balance()
	}
	return l.closed
}

// keepOneOffer looks at the FIFO and takes back what is more than one token.
func (l *Lease) keepOneOffer() {
	before := l.unread
	l.unread = l.inFIFO()
	if forged := l.unread - l.out; forged > 0 {
		// Bytes that a client made up. Which ones is all the same.
		l.unread -= l.read(forged)
	}
	if l.unread < before {
		l.eager = true
	}
	if l.unread > 1 {
		l.takeBack(l.unread - 1)
	}
}

// mayTakeFrom reports whether a token that donor leaves unread does more good with l: donor
// uses none, or has at least two more than l.
func (l *Lease) mayTakeFrom(donor *Lease) bool {
	return donor.unread > 0 && (donor.out == donor.unread || donor.out >= l.out+2)
}

// takeBack moves up to n unread tokens to the pool and returns how many: the
// client may be faster.
func (l *Lease) takeBack(n int) int {
	if l.unread == 0 {
		return 0
	}
	got := l.read(n)
	l.out -= got
	l.pool.free += got
	l.unread = max(l.unread-n, 0)
	if l.unread == 0 {
		l.eager = got < n // otherwise it had an offer and did not want it
	}
	return got
}

// put moves a token from the pool to the FIFO.
func (l *Lease) put() bool {
	if n := l.transfer(func(fd int) (int, error) { return unix.Write(fd, []byte{'+'}) }); n != 1 {
		return false
	}
	l.pool.free--
	l.out++
	l.unread++
	l.eager = false
	return true
}

func (l *Lease) read(n int) int {
	return l.transfer(func(fd int) (int, error) { return unix.Read(fd, make([]byte, n)) })
}

// inFIFO returns how many tokens lie unread (TIOCINQ is FIONREAD's older name).
func (l *Lease) inFIFO() int {
	return l.transfer(func(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) })
}

// transfer returns the result of a system call on the FIFO, and 0 if it would block.
func (l *Lease) transfer(call func(fd int) (int, error)) int {
	n := 0
	l.conn.Control(func(fd uintptr) {
		for {
			got, err := call(int(fd))
			if err == unix.EINTR {
				continue
			}
			if err == nil {
				n = got
			}
			return
		}
	})
	return n
}
