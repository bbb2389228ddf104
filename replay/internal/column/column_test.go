package column

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
	c := New[int](page)
	var plain []int
	type frozenAt struct {
		column Column[int]
		list   []int
	}
	var states []frozenAt
	for i := range 20_000 {
		switch k := r.IntN(10); {
		case k < 4 && len(plain) < 60:
			c.Push(i)
			plain = append(plain, i)
		case k < 7 && len(plain) > 0:
			at := r.IntN(len(plain))
			c.Set(at, i)
			plain[at] = i
		case k < 9 && len(plain) > 0:
			c.Pop()
			plain = plain[:len(plain)-1]
		case k == 9:
			states = append(states, frozenAt{c.Freeze(), slices.Clone(plain)})
			if r.IntN(5) == 0 {
				from := &states[r.IntN(len(states))]
				c, plain = from.column.Thaw(page), slices.Clone(from.list)
			}
		}
		require.Equal(t, len(plain), c.Len())
	}
	require.Equal(t, plain, append([]int{}, c.List()...))
	require.Greater(t, len(states), 1000)
	seals := map[any][]int{}
	for _, s := range states {
		require.Equal(t, s.list, append([]int{}, s.column.List()...))
		for i, p := range s.column.Pages() {
			known, ok := seals[s.column.seals[i]]
			require.True(t, !ok || slices.Equal(known, p), "one seal, one content")
			seals[s.column.seals[i]] = p
		}
	}
	before := c.Freeze()
	require.Equal(t, before.seals, c.Freeze().seals, "what did not change keeps its seals")
	again := before.Thaw(4 * page)
	require.Equal(t, before.List(), again.List(), "in pages of another length")
}
