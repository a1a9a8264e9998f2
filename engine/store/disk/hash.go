package disk

import (
	"errors"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
)

// hashing hashes files. It calls the system directly and keeps its buffers: a
// package has thousands of small files, for which os.File and io.Copy cost more
// than the hash.
type hashing struct {
	buffers sync.Pool // of *[128 << 10]byte
}

// file hashes a regular file, without following a link or touching the access
// time.
func (h *hashing) file(path string) (digest.Digest, error) {
	fd, err := openQuietly(path)
	if err != nil {
		return digest.Digest{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buffer, ok := h.buffers.Get().(*[128 << 10]byte)
	if !ok {
		buffer = new([128 << 10]byte)
	}
	defer h.buffers.Put(buffer)
	hasher := digest.NewHasher()
	for {
		n, err := unix.Read(fd, buffer[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return digest.Digest{}, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return hasher.Digest(), nil
		default:
			hasher.Write(buffer[:n])
		}
	}
}

// openQuietly opens a file for reading. The owner may ask for its access time to
// be left alone (O_NOATIME in open(2)); others read all the same.
func openQuietly(path string) (fd int, err error) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	fd, err = unix.Open(path, flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Open(path, flags, 0)
	}
	return fd, err
}

// exhausted tells an error that says something about this process from one that
// says something about the file.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
