package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
)

// item is one file or directory of the store that can be removed alone.
type item struct {
	kind   string // the directory that it is in: "cas", "trees", …
	path   string
	digest digest.Digest
	used   time.Time
	bytes  int64 // on disk; of a tree, what it does not share with blobs is not known
}

// kinds are the directories of items. A tree's bytes are its blobs'; its own
// directories are few.
var kinds = []string{"cas", "trees", "ac", "memo", "logs"}

// inventory lists everything in the store. What has no name of ours is not
// listed.
func (s *Store) inventory(ctx context.Context) ([]item, error) {
	var all []item
	for _, kind := range kinds {
		shards, err := os.ReadDir(s.dir + "/" + kind)
		if err != nil {
			return nil, err
		}
		for _, shard := range shards {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			items, err := readShard(kind, s.dir+"/"+kind+"/"+shard.Name())
			if err != nil {
				return nil, err
			}
			all = append(all, items...)
		}
	}
	return all, nil
}

func readShard(kind, dir string) ([]item, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil && !errors.Is(err, unix.ENOTDIR) {
		return nil, err
	}
	items := make([]item, 0, len(names))
	for _, name := range names {
		sum, err := parseFileName(name)
		if err != nil {
			continue
		}
		i := item{kind: kind, path: dir + "/" + name, digest: sum}
		ok, err := i.look()
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, i)
		}
	}
	return items, nil
}

// look reads the size and the time of use; ok is false when it is gone.
func (i *item) look() (ok bool, err error) {
	var st unix.Stat_t
	if ok, err := lstat(i.path, &st); !ok {
		return false, err
	}
	i.bytes = st.Blocks * 512
	i.used = time.Unix(st.Mtim.Unix())
	if i.kind == "cas" || i.kind == "trees" {
		i.used = time.Unix(st.Atim.Unix())
	}
	return true, nil
}

// parseFileName reads what fileName made, with or without ".x".
func parseFileName(name string) (digest.Digest, error) {
	hash, size, ok := strings.Cut(strings.TrimSuffix(name, ".x"), "-")
	if !ok {
		return digest.Digest{}, fmt.Errorf("file name %q: want HASH-SIZE", name)
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return digest.Digest{}, fmt.Errorf("file name %q: bad size", name)
	}
	return digest.New(hash, n)
}

// Usage is what a store holds.
type Usage struct {
	Blobs   int
	Trees   int
	Results int
	Bytes   int64 // on disk, but for the directories of trees
	Free    int64 // what is left on the file system for this user
}

// Stat counts what is in the store: one lstat for each thing.
func (s *Store) Stat(ctx context.Context) (Usage, error) {
	items, err := s.inventory(ctx)
	if err != nil {
		return Usage{}, fmt.Errorf("store %s: %w", s.dir, err)
	}
	var u Usage
	for _, i := range items {
		u.Bytes += i.bytes
		switch i.kind {
		case "cas":
			u.Blobs++
		case "trees":
			u.Trees++
		case "ac":
			u.Results++
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return u, &fs.PathError{Op: "statfs", Path: s.dir, Err: err}
	}
	u.Free = int64(st.Bavail) * st.Bsize
	return u, nil
}
