package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay/internal/column"
)

func TestIndexFindsWhatAMapFinds(t *testing.T) {
	for _, capacity := range []int{1, 100, 3 * partSlots} {
		r := rng.New(2, "ops", uint64(capacity))
		x, items := newIndex(capacity), column.New[*Example](column.LeastPage)
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
			case held && name != "" || k < 3 && items.Len() > 0: // remove it, or any
				if !held || name == "" {
					slot = r.IntN(items.Len())
				}
				last := items.Len() - 1
				delete(plain, items.At(slot).ID)
				if moved := items.At(last); slot != last {
					items.Set(slot, moved)
					if moved.ID != "" {
						plain[moved.ID] = slot
					}
				}
				x.remove(slot)
				items.Pop()
			case k < 5 && items.Len() > 0: // in the place of another
				slot = r.IntN(items.Len())
				delete(plain, items.At(slot).ID)
				x.put(slot, name)
				items.Set(slot, &Example{ID: name})
				if name != "" {
					plain[name] = slot
				}
			case items.Len() < capacity:
				if name != "" {
					plain[name] = items.Len()
				}
				x.push(name)
				items.Push(&Example{ID: name})
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
