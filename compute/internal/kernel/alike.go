package kernel

import (
	"math"
	"math/bits"
)

// Columns of a batch that hold one value in every row, as the background of images does, have
// equal rows in the gradient aᵀ b of the weights under them.

// Alike writes to places, of cols+1 elements, how many columns of a, rows×cols, before each one
// are others than those whose elements all have the bits of value. It returns false if the latter
// are less than a quarter, as soon as some rows show it.
func (s *Set) Alike(places []int32, a []float32, rows, cols int, value float32) bool {
	if rows < 1 || cols < 1 {
		return false
	}
	fits(a, rows, cols, cols)
	for n := min(firstAlike, rows); ; n = rows {
		others := 0
		for from := 0; from < cols; from += wordBits {
			width := min(wordBits, cols-from)
			others += bits.OnesCount64(^s.equal(a[from:], n, width, cols, value) << (wordBits - width))
			if from == 3*wordBits && others == from+width {
				return false
			}
		}
		if others > cols-cols/4 {
			return false
		}
		if n == rows {
			break
		}
	}
	count := int32(0)
	for from := 0; from < cols; from += wordBits {
		width := min(wordBits, cols-from)
		word := ^s.equal(a[from:], rows, width, cols, value)
		part := places[from:][:width]
		for j := range part {
			part[j] = count
			count += int32(word & 1)
			word >>= 1
		}
	}
	places[cols] = count
	return true
}

const firstAlike = 8 // rows that are looked at first

func (s *Set) equal(a []float32, rows, cols, lda int, value float32) uint64 {
	if s.tiled != nil {
		return s.tiled.equal(&a[0], rows, size*lda, cols, value)
	}
	word := ^uint64(0)
	for i := range rows {
		for j, v := range a[i*lda:][:cols] {
			if math.Float32bits(v) != math.Float32bits(value) {
				word &^= 1 << j
			}
		}
	}
	return word
}

// Frequent returns a value that most elements of a have, if there is one, as far as some of them
// show (Boyer and Moore, "MJRTY: a fast majority vote algorithm", 1991).
func Frequent(a []float32) float32 {
	value, lead := uint32(0), 0
	for i := 0; i < len(a); i += max(1, len(a)/wordBits) {
		switch v := math.Float32bits(a[i]); {
		case lead == 0:
			value, lead = v, 1
		case v == value:
			lead++
		default:
			lead--
		}
	}
	return math.Float32frombits(value)
}

// GatherRoom is how many elements behind what Gather writes it overwrites.
const GatherRoom = 8

// Gather lists the columns of a, rows×cols, that places counts, and copies them to dst,
// rows×places[cols]. Behind both there is GatherRoom.
func (s *Set) Gather(dst []float32, list []int32, a []float32, places []int32, rows, cols int) {
	n := int(places[cols])
	list = list[:cols+GatherRoom]
	for j, place := range places[:cols] {
		list[place] = int32(j) // the last column of a place is the one that is counted
	}
	if n == 0 || rows < 1 {
		return
	}
	fits(a, rows, cols, cols)
	dst = dst[:rows*n+GatherRoom]
	whole := 0
	if s.f.takeColumns != nil && cols >= 8 {
		whole = cols &^ 7
		s.f.takeColumns(&dst[0], &a[0], &list[0], &places[0], rows, whole/8, size*n, size*cols)
	}
	rest := list[places[whole]:n]
	for i := range rows {
		to := dst[i*n+int(places[whole]):][:len(rest)]
		for j, column := range rest {
			to[j] = a[i*cols+int(column)]
		}
	}
}
