package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// window is the time in which files may have been written whose bytes a power
// cut has lost: between the last sync and the boot after it. A file that changed
// (st_ctime) in the window is hashed when it is next asked for, and sealed again,
// which takes it out of the window.
type window struct{ from, to int64 } // nanoseconds since 1970; from == to: empty

func (w window) holds(st *unix.Stat_t) bool {
	t := st.Ctim.Nano()
	return w.from <= t && t < w.to
}

// openWindow reads the window of the store and, when the machine was booted
// since the store was last used, widens it up to now.
//
// The file sync holds "<boot id> <last sync>", the file window "<from> <to>". A
// new store has neither. What is unreadable is taken for the worst.
func (s *Store) openWindow() error {
	err := scan(filepath.Join(s.dir, "window"), "%d %d", &s.window.from, &s.window.to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.window = window{0, s.now().UnixNano()}
	}
	var lastBoot string
	var lastSync int64
	err = scan(filepath.Join(s.dir, "sync"), "%s %d", &lastBoot, &lastSync)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.noteSync(s.now())
	case err == nil && lastBoot == bootID():
		return nil
	case s.window.from == s.window.to:
		s.window.from = lastSync
	}
	s.window.from = min(s.window.from, lastSync)
	s.window.to = s.now().UnixNano()
	s.windowUnsaved.Store(true)
	return nil
}

func scan(path, format string, into ...any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = fmt.Sscanf(string(b), format, into...)
	return err
}

// noteSync records that everything written before t is durable. A new window is
// saved before it, because with the new boot id nobody would find it out again;
// until then, as long as the disk is full for example, every process does.
func (s *Store) noteSync(t time.Time) error {
	if s.windowUnsaved.Load() {
		if err := s.replaceFile("window", fmt.Sprintf("%d %d\n", s.window.from, s.window.to)); err != nil {
			return err
		}
		s.windowUnsaved.Store(false)
	}
	return s.replaceFile("sync", fmt.Sprintf("%s %d\n", bootID(), t.UnixNano()))
}

// replaceFile writes a small file at the top of the store.
func (s *Store) replaceFile(name, content string) error {
	return s.writeFile(filepath.Join(s.dir, name), []byte(content))
}

// writeFile makes path a file with that content, whole or not at all.
func (s *Store) writeFile(path string, content []byte) error {
	tmp, err := s.writeTemp(content)
	if err != nil {
		return err
	}
	if err := s.files.rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

// writeTemp writes an unfinished file.
func (s *Store) writeTemp(content []byte) (path string, err error) {
	path = s.process.temp()
	f, err := s.files.create(path)
	if err != nil {
		return "", err
	}
	_, err = s.files.write(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return "", err
	}
	return path, nil
}

// bootID names the time since the kernel started (random(4)); a system that
// does not tell has "unknown" for all of them, and no window.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
