package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Limits are what GC brings a store to. Zero is no limit.
type Limits struct {
	Bytes int64         // keep the most recently used, up to this size on disk
	Age   time.Duration // remove what was not used for so long, whatever the size
}

// Freed is what GC removed.
type Freed struct {
	Blobs   int
	Trees   int
	Results int
	Bytes   int64
}

// ErrBusy: another process is collecting garbage.
var ErrBusy = errors.New("another process is cleaning this store up")

// gcSlack covers clocks of processes that differ and the time between looking and
// noting the use.
const gcSlack = time.Hour

// GC removes what was not used for the longest time until the store is within
// the limits. It needs no space on the disk: it renames and removes.
//
// Builds go on meanwhile. Every use of a thing is noted to the day, so whatever a
// living process may rely on was noted as used at most a day before the oldest of
// them started; GC keeps all that is younger, and what is pinned (Pin). A thing
// that is used while GC looks at it is put back, and what it names is kept.
//
// What a kept thing names is kept: results go before their trees, and trees
// before their blobs. So a store that is too small for one build and for what is
// pinned stays larger than the limit.
func (s *Store) GC(ctx context.Context, want Limits) (Freed, error) {
	lock, err := os.OpenFile(filepath.Join(s.dir, "version"), os.O_RDONLY, 0)
	if err != nil {
		return Freed{}, fmt.Errorf("store %s: %w", s.dir, err)
	}
	defer lock.Close()
	switch err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return Freed{}, fmt.Errorf("store %s: %w", s.dir, ErrBusy)
	case err != nil:
		return Freed{}, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	freed, err := s.collect(ctx, want)
	if err != nil {
		err = fmt.Errorf("clean store %s: %w", s.dir, err)
	}
	return freed, err
}

func (s *Store) collect(ctx context.Context, want Limits) (Freed, error) {
	oldest, err := s.oldestProcess()
	if err != nil {
		return Freed{}, err
	}
	if err := putAllBack(filepath.Join(s.dir, "tmp")); err != nil {
		return Freed{}, err
	}
	g := &collection{s: s, keep: oldest.Add(-stampInterval - gcSlack), now: s.now()}
	if g.items, err = s.inventory(ctx); err != nil {
		return Freed{}, err
	}
	if err := g.spread(ctx); err != nil {
		return Freed{}, err
	}
	g.sort()
	err = g.remove(ctx, want)
	s.forget()
	return g.freed, err
}

// collection is one run of GC.
type collection struct {
	s     *Store
	items []item
	keep  time.Time // what was used after it is not removed
	now   time.Time
	freed Freed

	blobs map[digest.Digest]time.Time // the latest use of whatever names them
	trees map[digest.Digest]time.Time

	spared map[digest.Digest]bool // directories that were found to be in use meanwhile
}

// spread gives everything the time at which it was last used by way of something
// that names it.
func (g *collection) spread(ctx context.Context) error {
	g.blobs, g.trees, g.spared = map[digest.Digest]time.Time{}, map[digest.Digest]time.Time{}, map[digest.Digest]bool{}
	blobs, trees, err := g.s.pins()
	if err != nil {
		return err
	}
	forever := g.now.Add(100 * 365 * 24 * time.Hour)
	g.mark(blobs, trees, forever)
	for _, i := range g.items {
		switch i.kind {
		case "trees":
			g.mark(nil, []digest.Digest{i.digest}, i.used)
		case "ac":
			blobs, trees := g.s.named(i.path)
			g.mark(blobs, trees, i.used)
		}
	}
	return g.spreadTrees(ctx)
}

// named is what the result at path names; nothing if it is no result any more.
func (s *Store) named(path string) (blobs, trees []digest.Digest) {
	b, _, err := readSmall(path)
	if err != nil {
		return nil, nil
	}
	body, ok := parseRecord(b, resultFormat)
	if !ok {
		return nil, nil
	}
	blobs, trees, err = needs(body)
	if err != nil {
		return nil, nil
	}
	return blobs, trees
}

func (g *collection) mark(blobs, trees []digest.Digest, used time.Time) {
	for _, d := range blobs {
		if used.After(g.blobs[d]) {
			g.blobs[d] = used
		}
	}
	for _, d := range trees {
		if used.After(g.trees[d]) {
			g.trees[d] = used
		}
	}
}

// spreadTrees marks what is in trees, the most recently used first: then each
// directory has to be gone through only once.
func (g *collection) spreadTrees(ctx context.Context) error {
	roots := make([]digest.Digest, 0, len(g.trees))
	for d := range g.trees {
		roots = append(roots, d)
	}
	slices.SortFunc(roots, func(a, b digest.Digest) int {
		return cmp.Or(g.trees[b].Compare(g.trees[a]), a.Compare(b))
	})
	seen := map[digest.Digest]bool{}
	for _, d := range roots {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.spreadTree(d, g.trees[d], seen)
	}
	return nil
}

func (g *collection) spreadTree(d digest.Digest, used time.Time, seen map[digest.Digest]bool) {
	if seen[d] {
		return
	}
	seen[d] = true
	g.mark([]digest.Digest{d}, nil, used)
	dir, err := g.s.peekDirectory(d)
	if err != nil {
		return // a tree without its message is of use to nobody
	}
	for _, e := range dir.Entries() {
		switch e.Node.Kind {
		case tree.File:
			g.mark([]digest.Digest{e.Node.Digest}, nil, used)
		case tree.Dir:
			g.spreadTree(e.Node.Digest, used, seen)
		}
	}
}

// peekDirectory reads a directory without that counting as a use.
func (s *Store) peekDirectory(d digest.Digest) (*tree.Directory, error) {
	if d == digest.Empty {
		return tree.Empty, nil
	}
	b, _, err := readSmall(s.blobPath(d, false))
	if err != nil {
		return nil, err
	}
	return tree.Decode(b)
}

// used is when an item was last used, by itself or by way of another.
func (g *collection) used(i *item) time.Time {
	by := time.Time{}
	switch i.kind {
	case "cas":
		by = g.blobs[i.digest]
	case "trees":
		by = g.trees[i.digest]
	}
	if by.After(i.used) {
		return by
	}
	return i.used
}

// sort puts what goes first first: the least recently used, and of those used at
// the same time what names others before what is named.
func (g *collection) sort() {
	rank := map[string]int{"logs": 0, "memo": 1, "ac": 2, "trees": 3, "cas": 4}
	used := make(map[string]time.Time, len(g.items))
	for i := range g.items {
		used[g.items[i].path] = g.used(&g.items[i])
	}
	slices.SortFunc(g.items, func(a, b item) int {
		return cmp.Or(used[a.path].Compare(used[b.path]), cmp.Compare(rank[a.kind], rank[b.kind]), cmp.Compare(a.path, b.path))
	})
}

// remove goes through the sorted items until the limits are met. What cannot be
// renamed on a full disk is tried again at the end, when there is room.
func (g *collection) remove(ctx context.Context, want Limits) error {
	size := int64(0)
	for _, i := range g.items {
		size += i.bytes
	}
	var later []item
	for _, i := range g.items {
		if err := ctx.Err(); err != nil {
			return err
		}
		used := g.used(&i)
		tooOld := want.Age > 0 && g.now.Sub(used) > want.Age
		tooMuch := want.Bytes > 0 && size > want.Bytes
		if used.After(g.keep) {
			continue
		}
		if !tooOld && !tooMuch {
			break
		}
		gone, err := g.removeOne(i)
		if gone {
			size -= i.bytes
			continue
		}
		g.spare(i)
		if err != nil {
			later = append(later, i)
		}
	}
	var failed []error
	for _, i := range later {
		_, err := g.removeOne(i)
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// spare keeps what an item names that is kept after all.
func (g *collection) spare(i item) {
	var trees []digest.Digest
	switch i.kind {
	case "ac":
		var blobs []digest.Digest
		blobs, trees = g.s.named(i.path)
		g.mark(blobs, trees, g.now)
	case "trees":
		trees = []digest.Digest{i.digest}
	}
	for _, d := range trees {
		g.spreadTree(d, g.now, g.spared)
	}
}

// removeOne takes an item out of sight, sees that nobody has used it since it was
// looked at, and deletes it; gone is false when it is still there.
func (g *collection) removeOne(i item) (gone bool, err error) {
	aside := i
	aside.path = g.s.process.aside(i)
	if err := g.s.files.rename(i.path, aside.path); err != nil {
		return errors.Is(err, os.ErrNotExist), ignoreNotExist(err)
	}
	if ok, err := aside.look(); err == nil && ok && aside.used.After(i.used) {
		return false, putBack(aside.path, i.path)
	}
	if i.kind == "trees" { // not to be put back when it is half deleted
		doomed := g.s.process.temp()
		if err := g.s.files.rename(aside.path, doomed); err != nil {
			return true, err
		}
		aside.path = doomed
	}
	if err := removeAll(aside.path); err != nil {
		return true, err
	}
	g.count(i)
	return true, nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (g *collection) count(i item) {
	g.freed.Bytes += i.bytes
	switch i.kind {
	case "cas":
		g.freed.Blobs++
	case "trees":
		g.freed.Trees++
	case "ac":
		g.freed.Results++
	}
}
