package compose

import (
	"context"
	stdelf "debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/elf"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// demand brings in what programs need of the layers on demand, and what that
// needs itself, until all is there or nobody offers the rest.
func (r *root) demand(ctx context.Context, a arguments, m materials, names owners) error {
	offers, err := gatherOffers(ctx, a, m, names)
	if err != nil || len(offers) == 0 {
		return err
	}
	d := demander{root: r, offers: offers, open: m.open, skip: a.Skip, libDirs: a.Machine.LibDirs, objects: map[string]*elf.Info{}}
	news := r.paths()
	for len(news) > 0 {
		if err := d.look(ctx, news); err != nil {
			return err
		}
		news = d.bring()
	}
	return nil
}

// gatherOffers are the files and links of all layers on demand by path, those of the first
// of them where two have one.
func gatherOffers(ctx context.Context, a arguments, m materials, names owners) (map[string]*inode, error) {
	offers := map[string]*inode{}
	for i, l := range a.Layers {
		if !l.OnDemand {
			continue
		}
		_, err := l.inodes(ctx, m.trees, m.layers[i], names, func(in *inode) {
			if _, taken := offers[in.entry.Path]; !taken && in.entry.Type != manifest.Directory {
				offers[in.entry.Path] = in
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return offers, nil
}

// demander knows who needs what.
type demander struct {
	root    *root
	offers  map[string]*inode
	open    opener
	skip    skip
	libDirs []string
	objects map[string]*elf.Info // programs and libraries in root, by absolute path
}

// look finds the programs among paths. What cannot be read as one is a problem
// for the check of the whole.
func (d *demander) look(ctx context.Context, paths []string) error {
	for _, p := range paths {
		in := d.root.inodes[p]
		if in.entry.Type != manifest.File || in.node.Digest.Size() < int64(len(stdelf.ELFMAG)) || matchesAny(d.skip.Programs, in) {
			continue
		}
		b, err := d.open(ctx, in.node.Digest)
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		info, err := elf.Inspect(b)
		b.Close()
		if err == nil && (info.Type == stdelf.ET_EXEC || info.Type == stdelf.ET_DYN) {
			d.objects["/"+p] = info
		}
	}
	return nil
}

// bring takes the offers for what is missing, and returns their paths.
func (d *demander) bring() []string {
	var brought []string
	for _, m := range elf.Resolve(d.objects, d.lookup, d.libDirs) {
		if strings.Contains(m.Name, "/") || slices.Contains(d.skip.Libraries, m.Name) {
			continue
		}
		for _, dir := range d.libDirs {
			at := strings.Trim(path.Join(dir, m.Name), "/")
			if d.offers[at] != nil {
				brought = append(brought, d.take(at)...)
				break
			}
		}
	}
	return brought
}

// take lays the offer at p and, if it is a symbolic link, where that leads to. It
// returns the paths that were not there before.
func (d *demander) take(p string) []string {
	var taken []string
	for {
		in := d.offers[p]
		if in == nil || d.root.inodes[p] != nil {
			return taken
		}
		d.root.put(in, false)
		if d.root.inodes[p] == nil {
			return taken // the problem is reported
		}
		taken = append(taken, p)
		if in.entry.Type != manifest.Symlink {
			return taken
		}
		p = strings.Trim(linkTarget(p, in.entry.Target), "/")
	}
}

// linkTarget is the path that the symbolic link at p means.
func linkTarget(p, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join("/", path.Dir(p), target)
}

func (d *demander) lookup(name string) *elf.Info {
	_, at, ok := d.root.resolve("", name)
	if !ok {
		return nil
	}
	return d.objects["/"+at]
}
