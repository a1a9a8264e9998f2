package workspace

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
)

// statFormat is the first line of a saved cache; another format is ignored.
const statFormat = "appliance stat cache 1"

// racy is how long before it was digested a file must have been left alone for
// its stamp to be trusted later: the coarsest time stamps in use are FAT's, of
// two seconds. (git's index solves the same problem, see its racy-git.adoc.)
const racy = 2 * time.Second

// statCache remembers digests of files by what stat says of them.
type statCache struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	entries map[statKey]statEntry
	dirty   bool // entries differ from what is saved
}

// statKey is a file on disk, by repository and path.
type statKey struct{ root, path string }

// statKey is the key of the file at p; ok is false for one that is not on disk.
func (r repo) statKey(p string) (k statKey, ok bool) {
	root, rest, ok := r.locate(p)
	return statKey{root, rest}, ok
}

// stamp is what changes when a file does.
type stamp struct {
	Size, Mtime, Ctime int64 // bytes, nanoseconds since 1970
	Inode              uint64
}

type statEntry struct {
	stamp    stamp
	recorded int64 // nanoseconds since 1970, before the file was read
	digest   digest.Digest
}

// loadStatCache reads what save wrote. A file that is absent, of another
// format or damaged is an empty cache.
func loadStatCache(path string, now func() time.Time) *statCache {
	c := &statCache{path: path, now: now, entries: map[statKey]statEntry{}}
	if path == "" {
		return c
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c
	}
	if entries, ok := parseStatCache(b); ok {
		c.entries = entries
	}
	return c
}

// stampOf is the stamp of a file on disk; ok is false where the file system
// gives no inode.
func stampOf(info fs.FileInfo) (stamp, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}, false
	}
	return stamp{info.Size(), info.ModTime().UnixNano(), time.Unix(s.Ctim.Unix()).UnixNano(), s.Ino}, true
}

// lookup is the digest of a file with this stamp. A stamp that is so young that
// the file could have changed since without changing it is not trusted.
func (c *statCache) lookup(k statKey, s stamp) (digest.Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok || e.stamp != s || max(s.Mtime, s.Ctime) > e.recorded-int64(racy) {
		return digest.Digest{}, false
	}
	return e.digest, true
}

// record keeps the digest of a file that was read after the time started.
func (c *statCache) record(k statKey, s stamp, started time.Time, d digest.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[k] = statEntry{s, started.UnixNano(), d}
	c.dirty = true
}

// save writes the cache if it changed, whole or not at all. Files that are gone
// are forgotten.
func (c *statCache) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || !c.dirty {
		return nil
	}
	maps.DeleteFunc(c.entries, func(k statKey, _ statEntry) bool {
		_, err := os.Lstat(filepath.Join(k.root, k.path))
		return err != nil
	})
	if err := writeWhole(c.path, c.format()); err != nil {
		return err
	}
	c.dirty = false
	return nil
}

func writeWhole(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// format is the cache as text: the format, the digest of the rest, and a line
// for each file, sorted.
func (c *statCache) format() []byte {
	keys := slices.SortedFunc(maps.Keys(c.entries), func(a, b statKey) int {
		return strings.Compare(a.root+"\x00"+a.path, b.root+"\x00"+b.path)
	})
	var body bytes.Buffer
	for _, k := range keys {
		e := c.entries[k]
		fmt.Fprintf(&body, "%d %d %d %d %d %s %q %q\n",
			e.stamp.Size, e.stamp.Mtime, e.stamp.Ctime, int64(e.stamp.Inode), e.recorded, e.digest.Hex(), k.root, k.path)
	}
	return fmt.Appendf(nil, "%s\n%s\n%s", statFormat, digest.Of(body.Bytes()), body.Bytes())
}

func parseStatCache(b []byte) (map[statKey]statEntry, bool) {
	head, rest, _ := bytes.Cut(b, []byte("\n"))
	sum, body, _ := bytes.Cut(rest, []byte("\n"))
	if string(head) != statFormat || digest.Of(body).String() != string(sum) {
		return nil, false
	}
	entries := map[statKey]statEntry{}
	for line := range bytes.Lines(body) {
		k, e, ok := parseEntry(string(line))
		if !ok {
			return nil, false
		}
		entries[k] = e
	}
	return entries, true
}

// parseEntry reads a line: five numbers, the hash, and two quoted strings.
func parseEntry(line string) (k statKey, e statEntry, ok bool) {
	var numbers [5]int64
	for i := range numbers {
		var word string
		var err error
		if word, line, ok = strings.Cut(line, " "); !ok {
			return k, e, false
		}
		if numbers[i], err = strconv.ParseInt(word, 10, 64); err != nil {
			return k, e, false
		}
	}
	hex, line, _ := strings.Cut(line, " ")
	root, line, rootOK := cutQuoted(line)
	path, line, pathOK := cutQuoted(line)
	d, err := digest.New(hex, numbers[0])
	if err != nil || !rootOK || !pathOK || line != "" {
		return k, e, false
	}
	s := stamp{numbers[0], numbers[1], numbers[2], uint64(numbers[3])}
	return statKey{root, path}, statEntry{s, numbers[4], d}, true
}

// cutQuoted takes a quoted string and the byte after it off a line.
func cutQuoted(line string) (s, rest string, ok bool) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil || len(line) == len(quoted) {
		return "", "", false
	}
	s, err = strconv.Unquote(quoted)
	return s, line[len(quoted)+1:], err == nil
}
