package kernel_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

func TestNothingIsAllocated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range kernel.Names() {
		s := named(t, name)
		u, h := s.NewUpdater(), hyper
		const n = 40
		x, y, dst, ws := values(r, n*n), values(r, n*n), make([]float32, n*n), make([]float32, kernel.Workspace)
		st, rows := newState(r, n*n), []int32{3, 1}
		zeros := make([]float32, n*n)
		var total float32
		for what, run := range map[string]func(){
			"products": func() {
				for _, m := range []int{1, 5, n} {
					s.GemmNN(dst, x, y, m, n, n, n, n, n, true, ws)
					s.GemmTN(dst, x, y, m, n, n, n, n, n, true, ws)
					s.GemmNT(dst, x, y, m, n, n, n, n, n, true, ws)
					s.Affine(dst, x, y, x, m, n, n, n, n, n, kernel.GELU, ws)
					s.Linear(dst, x, y, x, m, n, n, n, n, n, kernel.ReLU, ws)
				}
				s.Ger(dst, x, y, n, n, n, true)
			},
			"products of zeros": func() {
				for _, m := range []int{1, 5, n} {
					s.GemmFinite(dst, zeros, y, m, n, n, n, n, n, ws)
					s.GemmNTFinite(dst, zeros, y, m, n, n, n, n, n, ws)
					s.AffineFinite(dst, zeros, y, x, m, n, n, n, n, n, kernel.GELU, ws)
					s.GemmTN(dst, zeros, y, m, n, n, n, n, n, false, ws)
				}
			},
			"maps": func() {
				s.Add(dst, x, y)
				s.Axpy(dst, x, 2)
				s.Dropout(dst, x, 1, kernel.Dropout{Below: 1 << 15, Scale: 2})
				s.Softmax(dst, x, n, n, n, n)
				s.ColSum(dst, x, n, n, n, false)
			},
			"reductions": func() { total += s.Sum(x) + s.Dot(x, y) + float32(s.SumSquares(x)) },
			"updates": func() {
				u.AdamW(st.theta, st.theta, st.grad, st.m, st.m, st.v, st.v, nil, &h)
				u.AdagradRows(st.theta, st.grad, st.v, rows, n, &h)
			},
			"rows": func() { s.Bags(dst, x, rows, nil, n, 1) },
		} {
			require.Zero(t, testing.AllocsPerRun(3, run), "%s %s", name, what)
		}
		_ = total
	}
}
