package rng

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The known answers published with the authors' Random123 library.
func TestPhiloxGivesThePublishedAnswers(t *testing.T) {
	ones := uint32(0xffffffff)
	for _, tc := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{
			ctr: [4]uint32{ones, ones, ones, ones}, key: [2]uint32{ones, ones},
			want: [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{
			ctr: [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, key: [2]uint32{0xa4093822, 0x299f31d0},
			want: [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		require.Equal(t, tc.want, Philox(tc.ctr, tc.key))
	}
}

func TestStreamsDifferBySeedNameAndPosition(t *testing.T) {
	seen := map[uint64]string{}
	for seed := range uint64(8) {
		for _, stream := range []string{"", "init", "learner/draw", "learner/keep"} {
			for position := range uint64(64) {
				first := New(seed, stream, position).Uint64()
				name := fmt.Sprint(seed, stream, position)
				require.Empty(t, seen[first], "%s begins like %s", name, seen[first])
				seen[first] = name
			}
		}
	}
}

func TestResetGivesTheStreamOfThatPosition(t *testing.T) {
	s := NewSource(7, "draw", 1)
	s.Uint64()
	s.Reset(9)
	fresh := NewSource(7, "draw", 9)
	for range 10 {
		require.Equal(t, fresh.Uint64(), s.Uint64())
	}
}

func TestDrawsAreUniform(t *testing.T) {
	const n, cells = 160_000, 16
	var hits [cells]int
	r := New(1, "uniform", 0)
	for range n {
		hits[r.IntN(cells)]++
	}
	chi := 0.0
	for _, h := range hits {
		d := float64(h) - n/cells
		chi += d * d / (n / cells)
	}
	require.Less(t, chi, 37.7, "chi-squared of 15 degrees of freedom passes 37.7 once in a thousand")
}

func ExampleNew() {
	// The same place in the log always draws the same.
	fmt.Println(New(1, "draw", 42).IntN(1000) == New(1, "draw", 42).IntN(1000))
	// Output: true
}
