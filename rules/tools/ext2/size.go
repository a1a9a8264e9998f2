package ext2

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SizeError says that the content does not fit the size that was asked for.
type SizeError struct {
	Allowed     int64         // Options.SizeBytes
	Needed      int64         // the smallest size that fits, in bytes, wishes included
	Content     int64         // the smallest size that fits without the wishes
	Directories []Contributor // see Layout.Directories
	Origins     []Contributor // see Layout.Origins
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
	listContributors(&b, "directories", e.Directories)
	listContributors(&b, "targets", e.Origins)
	fmt.Fprintf(&b, "\n    hint: raise the size to %d", e.Needed)
	if e.Content <= e.Allowed {
		fmt.Fprintf(&b, ", or wish for less free space or fewer free inodes: without them %d is enough", e.Content)
	} else {
		b.WriteString(", or remove some of the above")
	}
	return b.String()
}

func listContributors(b *strings.Builder, what string, list []Contributor) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n    note: the largest %s, in bytes:", what)
	for _, c := range list[:min(len(list), shownContributors)] {
		fmt.Fprintf(b, "\n    %12d  %s", c.Bytes, c.Name)
	}
}

// sizeError compares the fixed size with the smallest geometry that has room
// for everything.
func (l *Layout) sizeError(smallest geometry) error {
	content, err := fit(l.options, l.used, l.usedInodes())
	if err != nil {
		return err
	}
	return &SizeError{
		Allowed:     l.options.SizeBytes,
		Needed:      smallest.blocks * l.blockSize,
		Content:     content.blocks * l.blockSize,
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
