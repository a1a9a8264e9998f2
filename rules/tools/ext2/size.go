package ext2

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SizeError says that the content does not fit the size that was asked for.
type SizeError struct {
	Allowed     int64 // Options.SizeBytes
	Needed      int64 // the smallest size that fits, in bytes, wishes included
	Free        int64 // of that, bytes wished to be free
	Directories []Contributor
	Origins     []Contributor
}

// Contributor is a part of the content and the space it takes.
type Contributor struct {
	Name  string // a path in the root directory, or a label
	Bytes int64  // of whole blocks, metadata left out
}

// shownContributors is how many of the largest an error lists.
const shownContributors = 5

func (e *SizeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ext2: image of %d bytes is too small: it needs %d, which is %d more", e.Allowed, e.Needed, e.Needed-e.Allowed)
	if e.Free > 0 {
		fmt.Fprintf(&b, " (%d of them are to be free)", e.Free)
	}
	listContributors(&b, "directories", e.Directories)
	listContributors(&b, "targets", e.Origins)
	b.WriteString("\nhint: set the size to what it needs, or leave it out; wish for less free space; remove some of the above")
	return b.String()
}

func listContributors(b *strings.Builder, what string, list []Contributor) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\nnote: the largest %s, in bytes:", what)
	for _, c := range list[:min(len(list), shownContributors)] {
		fmt.Fprintf(b, "\n    %12d %s", c.Bytes, c.Name)
	}
}

func (l *Layout) sizeError() error {
	return &SizeError{
		Allowed:     l.options.SizeBytes,
		Needed:      l.blocks * l.blockSize,
		Free:        l.options.freeBlocks(l.used) * l.blockSize,
		Directories: l.Directories(),
		Origins:     l.Origins(),
	}
}

// Directories are the entries of the root directory with all they hold, the
// largest first.
func (l *Layout) Directories() []Contributor {
	return l.contributors(func(n *node) string {
		top, _, _ := strings.Cut(n.entry.Path, "/")
		return "/" + top
	})
}

// Origins are the targets that entries came from, the largest first. What came
// from no target is left out.
func (l *Layout) Origins() []Contributor {
	return l.contributors(func(n *node) string { return n.entry.Origin })
}

func (l *Layout) contributors(nameOf func(*node) string) []Contributor {
	sum := map[string]int64{}
	for i := range l.nodes {
		n := &l.nodes[i]
		if name := nameOf(n); name != "" {
			sum[name] += n.blocks * l.blockSize
		}
	}
	list := make([]Contributor, 0, len(sum))
	for name, bytes := range sum {
		list = append(list, Contributor{name, bytes})
	}
	slices.SortFunc(list, func(a, b Contributor) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return list
}
