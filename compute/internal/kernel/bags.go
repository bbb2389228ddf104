package kernel

import "math"

// A bag is a run of per ids in a list; ids below 0 are absent. Weights, one an id, may be
// nil for 1 each.

// Bags computes for bag b, with i running over its places in ids,
//
//	dst[b] = Σ weights[i] table[ids[i]]
//
// dim elements each, a chain of fused multiply-adds from 0 in the order of ids.
func (s *Set) Bags(dst, table []float32, ids []int32, weights []float32, dim, per int) {
	if dim == 1 {
		s.scalarBags(dst, table, ids, weights, per)
		return
	}
	if per == 1 && weights == nil {
		s.lookUp(dst, table, ids, dim)
		return
	}
	at := 0
	for base := 0; base < len(ids); base += ahead {
		part := ids[base:min(base+ahead, len(ids))]
		s.Prefetch(table, part, dim)
		for i, r := range part {
			to := dst[at : at+dim]
			first := (base+i)%per == 0
			if (base+i+1)%per == 0 {
				at += dim
			}
			switch {
			case r < 0 && first:
				clear(to)
			case r < 0:
			case weights != nil:
				if first {
					clear(to)
				}
				s.Axpy(to, table[int(r)*dim:][:dim], weights[base+i])
			case first:
				copyRow(to, table[int(r)*dim:][:dim])
			default:
				s.Add(to, to, table[int(r)*dim:][:dim])
			}
		}
	}
}

// lookUp is Bags for bags of one id without weights.
func (s *Set) lookUp(dst, table []float32, ids []int32, dim int) {
	if len(ids) <= ahead {
		s.take(dst, table, ids, dim)
		return
	}
	for base, asked := 0, 0; base < len(ids); base += near {
		next := ids[asked:min(base+ahead, len(ids))]
		s.Prefetch(table, next, dim)
		asked += len(next)
		part := ids[base:min(base+near, len(ids))]
		s.take(dst[base*dim:][:len(part)*dim], table, part, dim)
	}
}

// scalarBags is Bags for rows of one element.
func (s *Set) scalarBags(dst, table []float32, ids []int32, weights []float32, per int) {
	asked := 0
	for b := range len(ids) / per {
		if len(ids) > ahead {
			next := ids[asked:min((b+1)*per+ahead, len(ids))]
			s.Prefetch(table, next, 1)
			asked += len(next)
		}
		sum, part := float32(0), ids[b*per:(b+1)*per]
		if weights == nil {
			for _, r := range part {
				if r >= 0 {
					sum += table[r]
				}
			}
			dst[b] = sum
			continue
		}
		for i, r := range part {
			if r >= 0 {
				sum = s.fma(weights[b*per+i], table[r], sum)
			}
		}
		dst[b] = sum
	}
}

// fma is one multiply-add as this family fuses it.
func (s *Set) fma(a, b, c float32) float32 {
	if s.Name == Approx {
		return muladd(a, b, c)
	}
	return fma32(a, b, c)
}

// copyRow copies src to dst, which is as long: rows are too short for a call of copy.
func copyRow(dst, src []float32) {
	if len(src)%8 != 0 || len(src) > 64 {
		copy(dst, src)
		return
	}
	for i := 0; i < len(src); i += 8 {
		*(*[8]float32)(dst[i:]) = *(*[8]float32)(src[i:])
	}
}

// A Collector adds up rows that belong to the same id. It belongs to one goroutine.
type Collector struct {
	slots []int32 // by hash: begin + 1 + the place in index, begin or less where empty
	begin int32   // so much was written for lists before
	few   assurance
	last  repeats
}

// NewCollector returns a Collector for up to n ids.
func NewCollector(n int) *Collector {
	return &Collector{slots: make([]int32, tableSize(n)), last: newRepeats(n)}
}

// open returns empty slots for so many ids, the last of them, and what begin is.
func (c *Collector) open(ids int) (slots []int32, mask int, begin int32) {
	if int(c.begin) > math.MaxInt32-ids {
		clear(c.slots)
		c.begin = 0
	}
	mask = tableSize(ids) - 1
	return c.slots[:mask+1], mask, c.begin
}

// close empties the slots of n ids.
func (c *Collector) close(n int) { c.begin += int32(n) }

// tableSize is a power of two of which n is at most a quarter, so that few ids meet.
func tableSize(n int) int {
	size := 8
	for size < 4*n {
		size *= 2
	}
	return size
}

// Distinct says that ids are few, none below 0 and none twice: then Collect lists them as they are,
// for a src that is not 0. It may not say so of some such ids.
func (c *Collector) Distinct(s *Set, ids []int32) bool { return c.few.distinct(s, ids) }

// Collect is the derivative of Bags by its table, as rows: it lists the ids that occur in
// the order in which they first do, and writes to values' row k
//
//	Σ weights[i] src[bag of i]    over the i with ids[i] = index[k], in their order
//
// a chain of fused multiply-adds from 0. src has dim elements a bag; bags of zeros, which
// rows without weight have, are passed over. Index and values have room for all ids. It
// returns how many there are. Values may be src where bags are of one id without weights.
func (c *Collector) Collect(s *Set, index []int32, values []float32, ids []int32, weights, src []float32, dim, per int) int {
	if dim == 1 && weights == nil {
		return c.scalars(s, index, values, ids, src, per)
	}
	if weights == nil && per == 1 {
		return c.vectors(s, index, values, ids, src, dim)
	}
	slots, mask, begin := c.open(len(ids))
	n, bag, left := 0, 0, per
	for i, id := range ids {
		from := src[bag*dim : bag*dim+dim]
		if left--; left == 0 {
			bag, left = bag+1, per
		}
		if id < 0 || from[0] == 0 && zeros(from) {
			continue
		}
		at := hash(id) & mask
		k := int(slots[at]-begin) - 1
		for k >= 0 && index[k] != id {
			at = (at + 1) & mask
			k = int(slots[at]-begin) - 1
		}
		fresh := k < 0
		if fresh {
			k = n
			n++
			slots[at], index[k] = begin+int32(n), id
		}
		to := values[k*dim : k*dim+dim]
		switch {
		case weights == nil && fresh:
			copyRow(to, from)
		case weights == nil:
			s.Add(to, to, from)
		default:
			if fresh {
				clear(to)
			}
			if dim == 1 {
				to[0] = s.fma(weights[i], from[0], to[0])
			} else {
				s.Axpy(to, from, weights[i])
			}
		}
	}
	c.close(n)
	return n
}

// scalars is Collect for rows of one element without weights.
func (c *Collector) scalars(s *Set, index []int32, values []float32, ids []int32, src []float32, per int) int {
	if len(ids) == per && src[0] != 0 && c.few.distinct(s, ids) {
		Fill(values[:len(ids)], src[0])
		return copy(index, ids)
	}
	if c.last.of(ids) && dense(src, len(ids)/per, 1) {
		c.last.scalars(values, src[:len(ids)/per], per)
		return c.last.index(index)
	}
	c.last.forget()
	slots, mask, begin := c.open(len(ids))
	n, whole := 0, true
	for bag := range len(ids) / per {
		g := src[bag]
		if g == 0 {
			whole = false
			continue
		}
		for i, id := range ids[bag*per : (bag+1)*per] {
			if id < 0 {
				whole = false
				continue
			}
			at := hash(id) & mask
			k := int(slots[at]-begin) - 1
			for k >= 0 && index[k] != id {
				at = (at + 1) & mask
				k = int(slots[at]-begin) - 1
			}
			if k >= 0 {
				values[k] += g
				c.last.add(bag*per+i, k)
				continue
			}
			index[n], values[n] = id, g
			n++
			slots[at] = begin + int32(n)
		}
	}
	c.close(n)
	if whole {
		c.last.keep(ids)
	}
	return n
}

// vectors is Collect for bags of one id without weights.
func (c *Collector) vectors(s *Set, index []int32, values []float32, ids []int32, src []float32, dim int) int {
	if n := len(ids); n > 0 && n <= fewIDs && &values[0] == &src[0] && dense(src, n, dim) && c.few.distinct(s, ids) {
		return copy(index, ids)
	}
	if c.last.of(ids) && dense(src, len(ids), dim) {
		c.last.vectors(s, values, src[:len(ids)*dim], dim)
		return c.last.index(index)
	}
	c.last.forget()
	slots, mask, begin := c.open(len(ids))
	n := 0
	moved, from, whole := 0, 0, true // rows of values, and the first of src that is still to be copied
	for i, id := range ids {
		if id < 0 || src[i*dim] == 0 && zeros(src[i*dim:(i+1)*dim]) {
			moved, from, whole = moveRows(values, src, moved, from, i, dim), i+1, false
			continue
		}
		at := hash(id) & mask
		k := int(slots[at]-begin) - 1
		for k >= 0 && index[k] != id {
			at = (at + 1) & mask
			k = int(slots[at]-begin) - 1
		}
		if k >= 0 {
			moved, from = moveRows(values, src, moved, from, i, dim), i+1
			to := values[k*dim : (k+1)*dim]
			s.Add(to, to, src[i*dim:(i+1)*dim])
			c.last.add(i, k)
			continue
		}
		index[n] = id
		n++
		slots[at] = begin + int32(n)
	}
	moveRows(values, src, moved, from, len(ids), dim)
	c.close(n)
	if whole {
		c.last.keep(ids)
	}
	return n
}

// Fill sets each element of x to v, eight at a time, as they are read.
func Fill(x []float32, v float32) {
	eight := [8]float32{v, v, v, v, v, v, v, v}
	for ; len(x) >= 8; x = x[8:] {
		*(*[8]float32)(x) = eight
	}
	for i := range x {
		x[i] = v
	}
}

// dense says that none of n rows begins with 0.
func dense(x []float32, n, dim int) bool {
	for i := range n {
		if x[i*dim] == 0 {
			return false
		}
	}
	return true
}

// hash is Knuth's multiplicative one; its upper bits are the good ones.
func hash(id int32) int { return int(uint32(id) * 2654435769 >> 7) }

func zeros(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

// FactorPairs computes for each of m rows of x, fields×dim each, the sum of the inner
// products of all pairs of its fields, in O(fields dim) (Rendle 2010, lemma 3.1):
//
//	dst = (‖Σ_f x_f‖² - Σ_f ‖x_f‖²) / 2
//
// The norms are taken in float64. Room is of dim elements.
func (s *Set) FactorPairs(dst, x, room []float32, m, fields, dim int) {
	n := fields * dim
	for i := range m {
		row := x[i*n : (i+1)*n]
		s.ColSum(room, row, fields, dim, dim, false)
		dst[i] = float32((s.SumSquares(room[:dim]) - s.SumSquares(row)) / 2)
	}
}

// FactorPairsGrad computes its derivative, dx_f = dy Σ_g x_g - dy x_f. dx may be x.
func (s *Set) FactorPairsGrad(dx, x, dy, room []float32, m, fields, dim int) {
	n := fields * dim
	if s.f.pairSlopes != nil && m > 0 && n > 0 && dim%8 == 0 {
		s.f.pairSlopes(first(dx, m*n), first(x, m*n), first(dy, m), m, fields, dim)
		return
	}
	for i, up := range dy[:m] {
		row := x[i*n : (i+1)*n]
		s.ColSum(room, row, fields, dim, dim, false)
		s.Scale(room[:dim], room[:dim], up)
		s.Scale(dx[i*n:(i+1)*n], row, -up)
		s.AddRow(dx[i*n:], room[:dim], fields, dim, dim)
	}
}
