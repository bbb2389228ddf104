package store

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay/internal/column"
)

// Tickets go around after 2^32 arrivals.
func TestMembersStandInOrderWhateverTheirTickets(t *testing.T) {
	for _, first := range []uint32{0, 1<<32 - 3, 1<<31 - 2} {
		r := rng.New(4, "ops", uint64(first))
		g := NewGroups(New(Limits{Capacity: 100, MaxGroups: 4}, column.LeastPage, false), ClassOf)
		g.Aged = true
		g.List = []Group{{Members: Members{First: first}}}
		var plain []int
		for slot := range 40 {
			g.Seats.Push(Seat{})
			g.Join(slot, 0)
			plain = append(plain, slot)
		}
		for range 500 {
			i := r.IntN(len(plain))
			if r.IntN(2) == 0 {
				i = 0
			}
			slot := plain[i]
			g.Part(slot)
			plain = slices.Delete(plain, i, i+1)
			g.Join(slot, 0)
			plain = append(plain, slot)
			for i, slot := range plain {
				require.Equal(t, slot, g.List[0].Members.At(i))
				require.Equal(t, g.List[0].Members.First+uint32(i), g.Seats.At(slot).Ticket)
			}
		}
	}
}
