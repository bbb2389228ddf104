package sample

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

// The draw is a shuffle of all, as if it had been written out.
func TestADrawIsTheStartOfAShuffle(t *testing.T) {
	var d Drawer
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
		require.Equal(t, list[:n], append([]int{}, d.Draw(total, n, rng.New(3, "draw", at))...))
	}
}
