package config

import (
	"slices"
	"strings"
)

// unknown is the rule for a key that the schema does not have: with the known key
// that is nearest, if one is near, and else with all of them, if they are few.
func unknown(key string, known []string) string {
	slices.Sort(known)
	best, distance := "", max(2, len(key)/3)+1
	for _, k := range known {
		if d := edits(strings.ToLower(key), k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "is not a known key; did you mean " + best + "?"
	case len(known) > 0 && len(known) <= 12:
		return "is not a known key; known are " + strings.Join(known, ", ")
	}
	return "is not a known key"
}

// edits is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours that turn a into b. Keys are short; a long
// one is far from everything.
func edits(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
