package label

// Nearest finds among names the one that a person most likely meant by s:
// the smallest edit distance (Damerau-Levenshtein, restricted), not more than
// a third of the length. It returns "" when nothing is near.
func Nearest(s string, names []string) string {
	best, limit := "", max(1, len(s)/3)+1
	for _, n := range names {
		if d := distance(s, n); d < limit || d == limit && best != "" && n < best {
			best, limit = n, d
		}
	}
	return best
}

func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
