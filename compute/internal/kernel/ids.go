package kernel

// LookUp computes dst = src + offsets for rows of len(offsets) ids, one after the other in src.
// It returns false, and leaves dst undefined, unless each is from 0 to its column's top.
func (s *Set) LookUp(dst, src, offsets, tops []int32) bool {
	n := len(offsets)
	if n == 0 || len(src) == 0 {
		return true
	}
	dst, tops = dst[:len(src)], tops[:n]
	if s.f.lookUp != nil && n >= 8 {
		rows, rest := 1, len(src)-n
		if rest != 0 { // a division is as long as the rest for one row
			rows, rest = len(src)/n, len(src)%n
		}
		if rest == 0 {
			return s.f.lookUp(&dst[0], &src[0], &offsets[0], &tops[0], rows, n) == 0
		}
	}
	ok := true
	for len(src) > 0 {
		for j, v := range src[:n] {
			ok = ok && uint32(v) <= uint32(tops[j])
			dst[j] = v + offsets[j]
		}
		dst, src = dst[n:], src[n:]
	}
	return ok
}

// within says that all ids are from least to n-1: assembly goes where it is told.
func (s *Set) within(ids []int32, least, n int) bool {
	if len(ids) == 0 {
		return true
	}
	var low, high int32
	if s.f.span != nil && len(ids) >= 8 {
		low, high = s.f.span(&ids[0], len(ids))
	} else {
		low, high = ids[0], ids[0]
		for _, id := range ids[1:] {
			low, high = min(low, id), max(high, id)
		}
	}
	return int(low) >= least && int(high) < n
}

// fewIDs is so many that comparing all with all is quick.
const fewIDs = 64

// An assurance tells lists of ids that differ from others.
type assurance struct {
	padded [fewIDs]int32
	seen   [seenSize]uint8 // by hash: the mark of the last list with such an id
	mark   uint8           // of a list
}

// seenSize is so much that few of fewIDs differing ids meet, and stays in the cache.
const (
	seenLog  = 13
	seenSize = 1 << seenLog
)

// distinct says that ids are at most fewIDs, none below 0 and none twice, which is quickly told.
// It may not say so of some such ids.
func (a *assurance) distinct(s *Set, ids []int32) bool {
	n := len(ids)
	if n > fewIDs {
		return false
	}
	if s.f.distinct == nil || n == 0 {
		return a.unseen(ids)
	}
	if n%8 != 0 {
		copy(a.padded[:], ids)
		for ; n%8 != 0; n++ {
			a.padded[n] = 1<<31 - 1 - int32(n)
		}
		ids = a.padded[:n]
	}
	return s.f.distinct(&ids[0], n) == 0
}

// unseen is distinct in one pass.
func (a *assurance) unseen(ids []int32) bool {
	if a.mark++; a.mark == 0 {
		a.seen, a.mark = [seenSize]uint8{}, 1
	}
	mark := a.mark
	for _, id := range ids {
		at := &a.seen[uint32(id)*2654435769>>(32-seenLog)]
		if id < 0 || *at == mark {
			return false
		}
		*at = mark
	}
	return true
}
