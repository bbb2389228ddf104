package rng

import (
	"hash/fnv"
	"math/rand/v2"
)

// A Source is one random stream. It implements rand.Source.
type Source struct {
	key   [2]uint32
	high  [2]uint32
	block uint64
	have  [2]uint64
	left  int
}

// New returns the stream of that name at a position.
func New(seed uint64, stream string, position uint64) *rand.Rand {
	return rand.New(NewSource(seed, stream, position))
}

// NewSource is New without the methods of rand.Rand around it.
func NewSource(seed uint64, stream string, position uint64) *Source {
	h := fnv.New64a()
	var b [8]byte
	for i := range b {
		b[i] = byte(seed >> (8 * i))
	}
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(stream))
	sum := h.Sum64()
	// The key mixes seed and name; a keyed pass of its own spreads close seeds.
	k := Philox([4]uint32{uint32(seed), uint32(seed >> 32), uint32(sum), uint32(sum >> 32)}, [2]uint32{0, 0})
	s := &Source{key: [2]uint32{k[0], k[1]}}
	s.Reset(position)
	return s
}

// Reset takes the source to the start of another position of the same stream.
func (s *Source) Reset(position uint64) {
	s.high = [2]uint32{uint32(position), uint32(position >> 32)}
	s.block, s.left = 0, 0
}

// Uint64 returns the next 64 bits.
func (s *Source) Uint64() uint64 {
	if s.left == 0 {
		x := Philox([4]uint32{uint32(s.block), uint32(s.block >> 32), s.high[0], s.high[1]}, s.key)
		s.block++
		s.have = [2]uint64{uint64(x[0]) | uint64(x[1])<<32, uint64(x[2]) | uint64(x[3])<<32}
		s.left = 2
	}
	s.left--
	return s.have[1-s.left]
}
