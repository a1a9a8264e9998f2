package budget

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// Exceeded: an image is larger than its limit.
type Exceeded struct {
	Size, Limit int64 // bytes
	Targets     []Share
	Files       []Share
}

// Share is what one contributor brings, in bytes of content.
type Share struct {
	Name  string // a label, or an absolute path
	Bytes int64
}

// shown is how many of the largest contributors an error lists.
const shown = 5

// Check gives an *Exceeded if size is more than limit. A limit of 0 is none. m
// is what the image holds.
func Check(size, limit int64, m *manifest.Manifest) error {
	if limit == 0 || size <= limit {
		return nil
	}
	return &Exceeded{
		Size:    size,
		Limit:   limit,
		Targets: largest(m, func(e manifest.Entry) string { return e.Origin }),
		Files:   largest(m, func(e manifest.Entry) string { return "/" + e.Path }),
	}
}

func largest(m *manifest.Manifest, name func(manifest.Entry) string) []Share {
	sum := map[string]int64{}
	for _, e := range m.Entries() {
		if e.Type == manifest.File && e.Size() > 0 {
			sum[name(e)] += e.Size()
		}
	}
	shares := make([]Share, 0, len(sum))
	for name, bytes := range sum {
		shares = append(shares, Share{name, bytes})
	}
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return shares[:min(len(shares), shown)]
}

func (e *Exceeded) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the image has %d bytes, its limit is %d: %d too many", e.Size, e.Limit, e.Size-e.Limit)
	list(&b, "targets", e.Targets)
	list(&b, "files", e.Files)
	b.WriteString("\n    hint: leave something out, or raise the limit if the loader has the room")
	return b.String()
}

func list(b *strings.Builder, what string, shares []Share) {
	if len(shares) == 0 {
		return
	}
	fmt.Fprintf(b, "\n    note: the largest %s, in bytes before compression:", what)
	for _, s := range shares {
		fmt.Fprintf(b, "\n    %12d  %s", s.Bytes, s.Name)
	}
}
