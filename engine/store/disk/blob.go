package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/store"
)

// stampInterval is how exactly the store knows when something was last used.
const stampInterval = 24 * time.Hour

// fileName is <hash>-<size>.
func fileName(d digest.Digest) string {
	hash := d.Hash()
	b := make([]byte, 2*digest.Size, 2*digest.Size+20)
	hex.Encode(b, hash[:])
	b = append(b, '-')
	return string(strconv.AppendInt(b, d.Size(), 10))
}

// blobPath is where a blob is, as plain bytes or as a program.
func (s *Store) blobPath(d digest.Digest, executable bool) string {
	p := s.at("cas", d)
	if executable {
		p += ".x"
	}
	return p
}

func blobMode(executable bool) fs.FileMode {
	if executable {
		return programMode
	}
	return plainMode
}

// intact reports whether a file is as the store left it.
func (s *Store) intact(st *unix.Stat_t, size int64, executable bool) bool {
	return st.Mode == unix.S_IFREG|uint32(blobMode(executable)) && st.Size == size &&
		st.Mtim.Nano() == Time.UnixNano() && !s.window.holds(st)
}

// present reports whether the blob is here in one of its two forms, and notes
// that it was used. A file that looks damaged is hashed, and discarded if it is.
func (s *Store) present(d digest.Digest, executable bool) (bool, error) {
	path := s.blobPath(d, executable)
	var st unix.Stat_t
	ok, err := lstat(path, &st)
	if !ok {
		return false, err
	}
	if !s.intact(&st, d.Size(), executable) {
		return s.rescue(path, d, executable)
	}
	return s.stamp(path, &st)
}

// stamp notes that something was used. ok is false when it has just gone: it may
// go while utimensat(2), which has found it already, is about to change it, and
// GC has looked before that. Whoever still finds it afterwards was in time.
func (s *Store) stamp(path string, st *unix.Stat_t) (ok bool, err error) {
	now := s.now()
	if now.UnixNano()-st.Atim.Nano() < int64(stampInterval) {
		return true, nil
	}
	switch err := s.files.times(path, now, Time); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, s.writing("time of use", err)
	}
	var after unix.Stat_t
	return lstat(path, &after)
}

// rescue hashes a suspicious file: good bytes are sealed again, others removed.
func (s *Store) rescue(path string, d digest.Digest, executable bool) (bool, error) {
	got, err := s.hash.file(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case exhausted(err):
		return false, err
	case err == nil && got == d:
		return true, s.writing(blobName(d), s.files.seal(path, blobMode(executable), s.now()))
	}
	return false, s.discard(path)
}

// discard removes a damaged file. The time of its other names, in trees, is
// spoilt, so that they are found damaged too.
func (s *Store) discard(path string) error {
	s.forget()
	s.files.times(path, time.Unix(0, 0), time.Unix(0, 0)) // no matter if it fails: size or hash will tell
	err := s.files.do("unlink", path, func() error { return removeAll(path) })
	return s.writing("the removal of a damaged blob", err)
}

// forget makes the store look again where it had seen everything in place.
func (s *Store) forget() {
	s.complete.Clear()
	s.checks.forget()
}

// has is present for either form. The empty blob is always here, as in REAPI.
func (s *Store) has(d digest.Digest) (bool, error) {
	if d == digest.Empty {
		return true, nil
	}
	ok, err := s.present(d, false)
	if ok || err != nil {
		return ok, err
	}
	return s.present(d, true)
}

// Missing returns those of the digests that are not here: one or two lstat calls
// for each.
func (s *Store) Missing(ctx context.Context, ds []digest.Digest) ([]digest.Digest, error) {
	var missing []digest.Digest
	for _, d := range ds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ok, err := s.has(d)
		if err != nil {
			return nil, err
		}
		if !ok {
			missing = append(missing, d)
		}
	}
	return missing, nil
}

// blob returns the path of a blob in the wanted form, making it from the other
// form if need be.
func (s *Store) blob(d digest.Digest, executable bool) (string, error) {
	path := s.blobPath(d, executable)
	ok, err := s.present(d, executable)
	if ok || err != nil {
		return path, err
	}
	if d == digest.Empty {
		return path, s.addCopy(os.DevNull, d, executable)
	}
	ok, err = s.present(d, !executable)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &store.Missing{Digest: d}
	}
	return path, s.addCopy(s.blobPath(d, !executable), d, executable)
}

// addCopy makes a form of a blob from a file with its bytes.
func (s *Store) addCopy(from string, d digest.Digest, executable bool) error {
	tmp := s.process.temp()
	err := s.files.copy(from, tmp)
	if err == nil {
		err = s.files.seal(tmp, blobMode(executable), s.now())
	}
	if err == nil {
		err = s.files.rename(tmp, s.blobPath(d, executable))
	}
	if err != nil {
		os.Remove(tmp)
	}
	return s.writing(blobName(d), err)
}

// Put stores the bytes of r. Nothing is read when they are here already.
func (s *Store) Put(ctx context.Context, d digest.Digest, r io.Reader) error {
	if ok, err := s.has(d); ok || err != nil {
		return err
	}
	w, err := s.create(ctx, blobName(d))
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	if got := w.hash.Digest(); got != d {
		return &store.Mismatch{Want: d, Got: got}
	}
	_, err = w.Commit()
	return err
}

// Create starts a blob whose digest is not known yet.
func (s *Store) Create(ctx context.Context) (store.Writer, error) {
	return s.create(ctx, "a blob")
}

func (s *Store) create(ctx context.Context, what string) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := s.files.create(s.process.temp())
	if err != nil {
		return nil, s.writing(what, err)
	}
	return &writer{ctx: ctx, s: s, file: f, hash: digest.NewHasher(), what: what}, nil
}

// writer is a blob on its way into the store.
type writer struct {
	ctx  context.Context // of the one operation that the writer is
	s    *Store
	file *os.File // nil after Commit or Close
	hash *digest.Hasher
	what string // for errors
}

func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, fs.ErrClosed
	}
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.s.files.write(w.file, p)
	w.hash.Write(p[:n])
	return n, w.s.writing(w.what, err)
}

func (w *writer) Commit() (digest.Digest, error) {
	if w.file == nil {
		return digest.Digest{}, fs.ErrClosed
	}
	d, tmp := w.hash.Digest(), w.file.Name()
	if err := w.file.Close(); err != nil {
		os.Remove(tmp)
		w.file = nil
		return digest.Digest{}, w.s.writing(w.what, err)
	}
	w.file = nil
	if err := w.s.moveIn(tmp, d, false); err != nil {
		os.Remove(tmp)
		return digest.Digest{}, err
	}
	return d, nil
}

// Close without Commit throws the bytes away.
func (w *writer) Close() error {
	if w.file == nil {
		return nil
	}
	name := w.file.Name()
	err := w.file.Close()
	w.file = nil
	return errors.Join(err, os.Remove(name))
}

// moveIn makes the file at path, which has the digest d, the blob d. The file is
// gone afterwards unless there is an error.
func (s *Store) moveIn(path string, d digest.Digest, executable bool) error {
	ok, err := s.present(d, executable)
	if err != nil {
		return err
	}
	if ok {
		return os.Remove(path)
	}
	err = s.files.seal(path, blobMode(executable), s.now())
	if err == nil {
		err = s.files.rename(path, s.blobPath(d, executable))
	}
	return s.writing(blobName(d), err)
}
