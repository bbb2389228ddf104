package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// Tables with the same ids share a Collector. What it remembers of a list is not to be seen: neither
// where the next table has gradients of 0, nor where the next list differs in one place.
func TestCollectOfListsSeenBeforeEqualsThatOfNewOnes(t *testing.T) {
	const fields, bags, most = 5, 30, 150
	r := rand.New(rand.NewPCG(1, 2))
	families(t, func(t *testing.T, s *kernel.Set) {
		c, ids := kernel.NewCollector(most), make([]int32, most)
		for round := range 400 {
			switch r.IntN(9) {
			case 0, 1: // another list
				top := []int32{20, 200, 1 << 20}[r.IntN(3)]
				for i := range ids {
					ids[i] = r.Int32N(top)
				}
			case 2:
				ids[r.IntN(most)] = r.Int32N(200)
			case 3:
				ids[r.IntN(most)] = -1
			}
			live := ids[:fields*[]int{1, bags - 1, bags, bags, bags, bags}[r.IntN(6)]]
			per, dim, n := 1, 8, len(live)
			if r.IntN(2) == 0 {
				per, dim, n = fields, 1, len(live)/fields
			}
			src := values(r, n*dim)
			if r.IntN(4) == 0 {
				clear(src[r.IntN(n)*dim:][:dim])
			}
			if r.IntN(4) == 0 {
				src[r.IntN(n)*dim] = 0
			}
			index, want := make([]int32, most), make([]int32, most)
			got, sums := make([]float32, most*dim), make([]float32, most*dim)
			fresh := kernel.NewCollector(most).Collect(s, want, sums, live, nil, src, dim, per)
			if per == 1 && r.IntN(2) == 0 {
				got = src // over its source
			}
			k := c.Collect(s, index, got, live, nil, src, dim, per)
			msg := fmt.Sprintf("round %d", round)
			require.Equal(t, want[:fresh], index[:k], msg)
			requireBits(t, sums[:fresh*dim], got[:k*dim], msg)
		}
	})
}
