package prequential

import (
	"math"
	"slices"
)

// digit is the number of bits that one pass of the sort goes by. Three passes cover a
// probability: the bits of a float32 in [0, 1] are below 1<<30, and in its order.
const digit = 10

// A ranking is the scratch of sorting a window by probability.
type ranking struct{ from, to []uint64 }

// sort returns the outcomes' indices, below the bits of their scores, in ascending order.
// It is a radix sort, from the lowest digit up, and stable. The result is valid until the
// next call.
func (r *ranking) sort(items []outcome) []uint64 {
	r.from = slices.Grow(r.from[:0], len(items))[:len(items)]
	r.to = slices.Grow(r.to[:0], len(items))[:len(items)]
	for i := range items {
		// Minus zero is zero.
		r.from[i] = uint64(math.Float32bits(items[i].score)&(1<<30-1))<<32 | uint64(i)
	}
	for shift := 32; shift < 32+3*digit; shift += digit {
		var place [1 << digit]int
		for _, k := range r.from {
			place[k>>shift&(1<<digit-1)]++
		}
		at := 0
		for d, n := range place {
			place[d] = at
			at += n
		}
		for _, k := range r.from {
			d := k >> shift & (1<<digit - 1)
			r.to[place[d]] = k
			place[d]++
		}
		r.from, r.to = r.to, r.from
	}
	return r.from
}
