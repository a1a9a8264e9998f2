package patch

import "bytes"

// place is where a hunk goes.
type place struct {
	at     int // index of the line that its first old line is laid over
	offset int // lines below the place that its header says
	skip   int // context lines at the beginning that need not match
	cut    int // the same at the end
	fuzz   int
}

// searcher looks for the places of the hunks of one file, from top to bottom.
type searcher struct {
	lines  [][]byte
	frozen int // lines that earlier hunks have used up
	offset int // of the hunk before
}

// find is the place of h with the least fuzz, and of those the nearest to where
// the hunk before has been, downwards first: as patch(1) searches.
func (s *searcher) find(h hunk, maxFuzz int) (place, bool) {
	before, after := h.context()
	for fuzz := 0; fuzz <= min(maxFuzz, max(before, after)); fuzz++ {
		if p, ok := s.findFuzzy(h, fuzz); ok {
			return p, true
		}
	}
	return place{}, false
}

// findFuzzy lets fuzz lines of the longer context differ. A hunk with less
// context at one end than at the other was made at that end of the file; it fits
// only there, unless the fuzz makes up for the difference.
func (s *searcher) findFuzzy(h hunk, fuzz int) (place, bool) {
	want := h.side('-')
	before, after := h.context()
	longer := max(before, after)
	skip, cut := fuzz+before-longer, fuzz+after-longer
	guess := max(h.old.start-1, 0) + s.offset
	if len(want) == 0 { // lines are added after line start
		at := h.old.start + s.offset
		return place{at: at, offset: s.offset}, at >= s.frozen && at <= len(s.lines)
	}
	atStart, atEnd := skip < 0 && h.old.start <= 1, cut < 0
	p := place{skip: max(skip, 0), cut: max(cut, 0), fuzz: fuzz}
	fits := func(at int) bool {
		p.at, p.offset = at, at-max(h.old.start-1, 0)
		return at >= s.frozen && s.matches(want, p)
	}
	end := len(s.lines) - len(want)
	switch {
	case atStart && atEnd:
		return p, end == 0 && fits(0)
	case atStart:
		return p, fits(0)
	case atEnd:
		return p, fits(end)
	}
	for d := 0; d <= len(s.lines)+len(want); d++ {
		if fits(guess+d) || d > 0 && fits(guess-d) {
			return p, true
		}
	}
	return place{}, false
}

// matches compares all lines but the fuzzy ones.
func (s *searcher) matches(want [][]byte, p place) bool {
	if p.at+len(want)-p.cut > len(s.lines) {
		return false
	}
	for i := p.skip; i < len(want)-p.cut; i++ {
		if !bytes.Equal(want[i], s.lines[p.at+i]) {
			return false
		}
	}
	return true
}
