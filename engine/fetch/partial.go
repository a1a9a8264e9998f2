package fetch

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// partial is the beginning of a file, kept under the digest of the whole. It is
// locked (flock(2)); whoever finds it locked takes a file of its own.
type partial struct {
	file *os.File
	own  bool // nobody can find it later
}

func openPartial(dir, sha256 string) (*partial, error) {
	if dir == "" {
		return nil, errors.New("there is no directory for partial downloads")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, sha256), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && linked(f) {
		_, err = f.Seek(0, io.SeekEnd)
		return &partial{file: f}, err
	}
	f.Close()
	f, err = os.CreateTemp(dir, sha256+".*")
	return &partial{file: f, own: true}, err
}

// linked reports whether the file still has its name: whoever had the lock before
// may have been done with it.
func linked(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(mine, there)
}

// size is the number of bytes that are here; it is also where the next are
// written.
func (p *partial) size() (int64, error) { return p.file.Seek(0, io.SeekEnd) }

// reset throws the bytes away.
func (p *partial) reset() error {
	_, err := p.file.Seek(0, io.SeekStart)
	return errors.Join(err, p.file.Truncate(0))
}

// done removes the file: the store has the bytes.
func (p *partial) done() { os.Remove(p.file.Name()) }

// close keeps what is here for the next time, unless that is nothing.
func (p *partial) close() {
	if n, err := p.size(); p.own || err == nil && n == 0 {
		os.Remove(p.file.Name())
	}
	p.file.Close()
}
