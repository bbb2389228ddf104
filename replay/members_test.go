package replay

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

// Tickets go around after 2^32 arrivals.
func TestMembersStandInOrderWhateverTheirTickets(t *testing.T) {
	for _, first := range []uint32{0, 1<<32 - 3, 1<<31 - 2} {
		r := rng.New(4, "ops", uint64(first))
		g := newGroups(Config{Kind: RingBuffer}.WithDefaults(), classOf)
		g.aged = true
		g.list = []group{{members: members{first: first}}}
		var plain []int
		for slot := range 40 {
			g.seats.Push(seat{})
			g.join(slot, 0)
			plain = append(plain, slot)
		}
		for range 500 {
			i := r.IntN(len(plain))
			if r.IntN(2) == 0 {
				i = 0
			}
			slot := plain[i]
			g.part(slot)
			plain = slices.Delete(plain, i, i+1)
			g.join(slot, 0)
			plain = append(plain, slot)
			for i, slot := range plain {
				require.Equal(t, slot, g.list[0].members.at(i))
				require.Equal(t, g.list[0].members.first+uint32(i), g.seats.At(slot).ticket)
			}
		}
	}
}
