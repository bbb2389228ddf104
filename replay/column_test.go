package replay

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

// What was frozen must stay, whatever becomes of the column, and a page must keep its seal
// for as long as it holds what it held.
func TestAFrozenColumnNeverChanges(t *testing.T) {
	const page = 8
	r := rng.New(1, "ops", 0)
	c := newColumn[int](page)
	var plain []int
	type frozenAt struct {
		column column[int]
		list   []int
	}
	var states []frozenAt
	for i := range 20_000 {
		switch k := r.IntN(10); {
		case k < 4 && len(plain) < 60:
			c.push(i)
			plain = append(plain, i)
		case k < 7 && len(plain) > 0:
			at := r.IntN(len(plain))
			c.set(at, i)
			plain[at] = i
		case k < 9 && len(plain) > 0:
			c.pop()
			plain = plain[:len(plain)-1]
		case k == 9:
			states = append(states, frozenAt{c.freeze(), slices.Clone(plain)})
			if r.IntN(5) == 0 {
				from := &states[r.IntN(len(states))]
				c, plain = from.column.thaw(page), slices.Clone(from.list)
			}
		}
		require.Equal(t, len(plain), c.n)
	}
	require.Equal(t, plain, append([]int{}, c.list()...))
	require.Greater(t, len(states), 1000)
	seals := map[any][]int{}
	for _, s := range states {
		require.Equal(t, s.list, append([]int{}, s.column.list()...))
		for i, p := range s.column.pages {
			known, ok := seals[s.column.seals[i]]
			require.True(t, !ok || slices.Equal(known, p), "one seal, one content")
			seals[s.column.seals[i]] = p
		}
	}
	before := c.freeze()
	require.Equal(t, before.seals, c.freeze().seals, "what did not change keeps its seals")
	again := before.thaw(4 * page)
	require.Equal(t, before.list(), again.list(), "in pages of another length")
}

func TestIndexFindsWhatAMapFinds(t *testing.T) {
	for _, capacity := range []int{1, 100, 3 * partSlots} {
		r := rng.New(2, "ops", uint64(capacity))
		x, items := newIndex(capacity), newColumn[*Example](pageSlots)
		plain := map[string]int{}
		id := func() string {
			return []string{"", "a", "b"}[r.IntN(3)] + string(rune('A'+r.IntN(3*min(capacity, 9000))))
		}
		for range 40_000 {
			name := id()
			if name[:1] == "A" {
				name = ""
			}
			slot, held := plain[name]
			switch k := r.IntN(10); {
			case held && name != "" || k < 3 && items.n > 0: // remove it, or any
				if !held || name == "" {
					slot = r.IntN(items.n)
				}
				last := items.n - 1
				delete(plain, items.at(slot).ID)
				if moved := items.at(last); slot != last {
					items.set(slot, moved)
					if moved.ID != "" {
						plain[moved.ID] = slot
					}
				}
				x.remove(slot)
				items.pop()
			case k < 5 && items.n > 0: // in the place of another
				slot = r.IntN(items.n)
				delete(plain, items.at(slot).ID)
				x.put(slot, name)
				items.set(slot, &Example{ID: name})
				if name != "" {
					plain[name] = slot
				}
			case items.n < capacity:
				if name != "" {
					plain[name] = items.n
				}
				x.push(name)
				items.push(&Example{ID: name})
			}
			probe := id()
			want, held := plain[probe]
			got, ok := x.find(probe, &items)
			require.Equal(t, held, ok, "%q", probe)
			if held {
				require.Equal(t, want, got)
			}
		}
		for name, want := range plain {
			got, ok := x.find(name, &items)
			require.True(t, ok)
			require.Equal(t, want, got)
		}
	}
}

// The draw is a shuffle of all, as if it had been written out.
func TestADrawIsTheStartOfAShuffle(t *testing.T) {
	var d drawer
	for at := range uint64(300) {
		sizes := rng.New(3, "sizes", at)
		total := sizes.IntN(1 << sizes.IntN(13))
		n := sizes.IntN(total + 5)
		r := rng.New(3, "draw", at)
		list := make([]int, total)
		for i := range list {
			list[i] = i
		}
		n = min(n, total)
		for i := range n {
			j := i + r.IntN(total-i)
			list[i], list[j] = list[j], list[i]
		}
		require.Equal(t, list[:n], append([]int{}, d.draw(total, n, rng.New(3, "draw", at))...))
	}
}

// Tickets go around after 2^32 arrivals.
func TestMembersStandInOrderWhateverTheirTickets(t *testing.T) {
	for _, first := range []uint32{0, 1<<32 - 3, 1<<31 - 2} {
		r := rng.New(4, "ops", uint64(first))
		g := newGroups(Config{Kind: RingBuffer}.WithDefaults(), classOf)
		g.aged = true
		g.list = []group{{members: members{first: first}}}
		var plain []int
		for slot := range 40 {
			g.seats.push(seat{})
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
				require.Equal(t, g.list[0].members.first+uint32(i), g.seats.at(slot).ticket)
			}
		}
	}
}
