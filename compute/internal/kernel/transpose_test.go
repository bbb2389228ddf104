package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

func TestTransposeTurnsRowsIntoColumnsAndLeavesTheRest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range kernel.Names() {
		s := named(t, name)
		for m := 1; m <= 20; m++ {
			for n := 1; n <= 20; n++ {
				ldd, lda := m+r.IntN(3), n+r.IntN(3)
				a, dst := values(r, m*lda), values(r, n*ldd)
				want := append([]float32(nil), dst...)
				for i := range m {
					for j := range n {
						want[j*ldd+i] = a[i*lda+j]
					}
				}
				s.Transpose(dst, a, m, n, ldd, lda)
				requireBits(t, want, dst, fmt.Sprint(name, m, n))
			}
		}
	}
}
