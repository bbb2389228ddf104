package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// bagged is a list of ids in bags, over a table.
type bagged struct {
	size, dim, per int
	ids            []int32
	weights        []float32 // nil for 1 each
	table, src     []float32
}

func (b bagged) String() string {
	return fmt.Sprintf("%d ids in bags of %d, dim %d, weights %v", len(b.ids), b.per, b.dim, b.weights != nil)
}

// bagCases have ids that are absent, ids that repeat, and bags whose derivative is 0.
func bagCases() []bagged {
	var out []bagged
	r := rand.New(rand.NewPCG(1, 2))
	for _, dim := range []int{1, 3, 8, 16, 17, 40} {
		for _, per := range []int{1, 4} {
			for _, weighted := range []bool{false, true} {
				for _, n := range []int{4, 200} {
					b := bagged{size: 90, dim: dim, per: per}
					for range n {
						b.ids = append(b.ids, r.Int32N(int32(b.size)+9)-9)
						if weighted {
							b.weights = append(b.weights, float32(r.NormFloat64()))
						}
					}
					b.table, b.src = noise(r, b.size*dim), noise(r, n/per*dim)
					if n > per {
						clear(b.src[dim : 2*dim])
					}
					out = append(out, b)
				}
			}
		}
	}
	return out
}

func noise(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func (b bagged) weight(i int) float64 {
	if b.weights == nil {
		return 1
	}
	return float64(b.weights[i])
}

func TestBagsAndTheirDerivativeEqualTheDefinition(t *testing.T) {
	for _, b := range bagCases() {
		want := make([]float64, len(b.src))
		slope := make([]float64, len(b.table))
		var order []int32
		listed := make(map[int32]bool)
		for i, id := range b.ids {
			if id < 0 {
				continue
			}
			nonzero := false
			for j := range b.dim {
				g := float64(b.src[i/b.per*b.dim+j])
				nonzero = nonzero || g != 0
				want[i/b.per*b.dim+j] += b.weight(i) * float64(b.table[int(id)*b.dim+j])
				slope[int(id)*b.dim+j] += b.weight(i) * g
			}
			if nonzero && !listed[id] {
				listed[id] = true
				order = append(order, id)
			}
		}
		c := kernel.NewCollector(len(b.ids))
		var first, firstValues []float32
		for _, name := range kernel.Names() {
			s, err := kernel.Named(name)
			require.NoError(t, err)
			dst := noise(rand.New(rand.NewPCG(3, 4)), len(b.src))
			s.Bags(dst, b.table, b.ids, b.weights, b.dim, b.per)
			for i := range want {
				require.InDelta(t, want[i], dst[i], 1e-5, "%s: %v, value %d", name, b, i)
			}
			index, values := make([]int32, len(b.ids)), make([]float32, len(b.ids)*b.dim)
			for range 2 { // the second time over what the first left
				n := c.Collect(s, index, values, b.ids, b.weights, b.src, b.dim, b.per)
				require.Equal(t, len(order), n, "%s: %v", name, b)
				for k, id := range index[:n] {
					require.Equal(t, order[k], id, "%s: %v", name, b)
					for j := range b.dim {
						require.InDelta(t, slope[int(id)*b.dim+j], values[k*b.dim+j], 1e-5, "%s: %v, row %d", name, b, id)
					}
				}
			}
			if name == kernel.Approx {
				continue
			}
			if first == nil {
				first, firstValues = dst, values
			}
			require.Equal(t, first, dst, "%s: %v", name, b)
			require.Equal(t, firstValues[:len(order)*b.dim], values[:len(order)*b.dim], "%s: %v", name, b)
		}
	}
}

func TestCollectMayWriteOverItsSource(t *testing.T) {
	for _, b := range bagCases() {
		if b.per != 1 || b.weights != nil {
			continue
		}
		c, s := kernel.NewCollector(len(b.ids)), kernel.Best()
		index, values := make([]int32, len(b.ids)), make([]float32, len(b.ids)*b.dim)
		n := c.Collect(s, index, values, b.ids, nil, b.src, b.dim, 1)
		over := append([]float32(nil), b.src...)
		require.Equal(t, n, c.Collect(s, index, over, b.ids, nil, over, b.dim, 1))
		require.Equal(t, values[:n*b.dim], over[:n*b.dim], "%v", b)
	}
}

// Short lists have a way of their own while no id comes twice, and what it remembers of one
// list must not be seen in the next, however many there were.
func TestCollectOfShortListsEqualsTheDefinition(t *testing.T) {
	r, s := rand.New(rand.NewPCG(9, 10)), kernel.Best()
	const most = 70
	c := kernel.NewCollector(most)
	for round := range 1500 {
		n, dim, fields := 1+r.IntN(most), 1+15*(round%2), 1
		if dim == 1 {
			fields = n
		}
		ids, src := make([]int32, n), noise(r, n/fields*dim)
		for i := range ids {
			ids[i] = r.Int32N(int32([]int{1 << 20, 200, n}[round%3]))
			if r.IntN(40) == 0 {
				ids[i] = -1
			}
			if dim > 1 && r.IntN(30) == 0 {
				clear(src[i*dim : (i+1)*dim])
			}
		}
		if dim == 1 && round%10 == 0 {
			src[0] = 0
		}
		var order []int32
		sums := make(map[int32][]float32)
		for i, id := range ids {
			from := src[i/fields*dim:][:dim]
			if id < 0 || !slices.ContainsFunc(from, func(v float32) bool { return v != 0 }) {
				continue
			}
			if sums[id] == nil {
				order, sums[id] = append(order, id), make([]float32, dim)
			}
			for j, v := range from {
				sums[id][j] += v
			}
		}
		index, values := make([]int32, n), make([]float32, n*dim)
		if fields == 1 && round%4 > 1 {
			copy(values, src)
			src = values
		}
		k := c.Collect(s, index, values, ids, nil, src, dim, fields)
		require.Equal(t, order, append([]int32(nil), index[:k]...), "round %d", round)
		for i, id := range order {
			require.Equal(t, sums[id], values[i*dim:(i+1)*dim], "round %d, row %d", round, id)
		}
	}
}

func TestFTRLHasTheBitsOfPortable(t *testing.T) {
	portable := named(t, kernel.Portable).NewUpdater()
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(11, 12))
		for size := 1; size < 70; size++ {
			h := &kernel.Hyper{PerAlpha: 5, Beta1: 1, Strength: []float32{0, 0.3, 2}[size%3], Decay: float32(size % 2), Scale: 0.5}
			theta, grad, z, n := sparseValues(r, size, 0.2), sparseValues(r, size, 0.2), sparseValues(r, size, 0.2), sparseValues(r, size, 0.2)
			for i, v := range n {
				n[i] = v * v
			}
			wantTheta, wantZ, wantN := slices.Clone(theta), slices.Clone(z), slices.Clone(n)
			require.True(t, portable.FTRL(wantTheta, grad, wantZ, wantN, h))
			require.True(t, u.FTRL(theta, grad, z, n, h))
			requireBits(t, wantTheta, theta, "parameters")
			requireBits(t, wantZ, z, "z")
			requireBits(t, wantN, n, "n")
			for _, bad := range []float32{inf, -inf, nan} {
				at := r.IntN(size)
				old := grad[at]
				grad[at] = bad
				require.False(t, u.FTRL(slices.Clone(theta), grad, slices.Clone(z), slices.Clone(n), h))
				grad[at] = old
			}
		}
	})
}

// Rows of single elements are gathered first, those of whole registers are worked on in one call.
func TestUpdatesOfRowsEqualThoseOfAll(t *testing.T) {
	h := hyper
	for name, update := range map[string]func(u *kernel.Updater, s state, rows []int32, dim int) bool{
		"sgd": func(u *kernel.Updater, s state, rows []int32, dim int) bool {
			return u.SGDRows(s.theta, s.grad, rows, dim, &h)
		},
		"momentum": func(u *kernel.Updater, s state, rows []int32, dim int) bool {
			return u.MomentumRows(s.theta, s.grad, s.v, rows, dim, &h)
		},
		"nesterov": func(u *kernel.Updater, s state, rows []int32, dim int) bool {
			h := h
			h.Nesterov = true
			return u.MomentumRows(s.theta, s.grad, s.v, rows, dim, &h)
		},
		"adagrad": func(u *kernel.Updater, s state, rows []int32, dim int) bool {
			return u.AdagradRows(s.theta, s.grad, s.v, rows, dim, &h)
		},
		"adamw": func(u *kernel.Updater, s state, rows []int32, dim int) bool {
			return u.AdamWRows(s.theta, s.grad, s.m, s.v, rows, dim, &h)
		},
	} {
		families(t, func(t *testing.T, set *kernel.Set) {
			for _, dim := range []int{1, 5, 8, 16, 24, 64, 72} {
				u, r := set.NewUpdater(), rand.New(rand.NewPCG(13, 14))
				const size = 200
				got := newState(r, size*dim)
				want := got.copy()
				rows := make([]int32, 0, size)
				for _, row := range r.Perm(size)[:150] {
					rows = append(rows, int32(row))
				}
				require.True(t, update(u, got, rows, dim), name)
				sorted := newState(r, size*dim)
				sorted.theta, sorted.m, sorted.v = slices.Clone(want.theta), slices.Clone(want.m), slices.Clone(want.v)
				for i, row := range rows {
					copy(sorted.grad[int(row)*dim:][:dim], want.grad[i*dim:])
				}
				require.True(t, updates[name](named(t, kernel.Portable).NewUpdater(), sorted, sorted, nil, h))
				for row := range size {
					if slices.Contains(rows, int32(row)) {
						continue
					}
					for _, part := range [][2][]float32{{sorted.theta, want.theta}, {sorted.m, want.m}, {sorted.v, want.v}} {
						copy(part[0][row*dim:][:dim], part[1][row*dim:])
					}
				}
				requireBits(t, sorted.theta, got.theta, name)
				requireBits(t, sorted.m, got.m, name)
				requireBits(t, sorted.v, got.v, name)
				got.grad[100*dim] = nan
				require.False(t, update(u, got, rows, dim), name)
			}
		})
	}
}

func TestNoRowBeyondATableIsReadOrWritten(t *testing.T) {
	families(t, func(t *testing.T, set *kernel.Set) {
		for _, row := range []int32{-1, 4, 1 << 30} {
			table, grad := make([]float32, 5*16), make([]float32, 2*16)
			require.Panics(t, func() { set.NewUpdater().SGDRows(table[:4*16:4*16], grad, []int32{0, row}, 16, &hyper) })
			if row >= 0 {
				require.Panics(t, func() { set.Bags(grad, table[:4*16:4*16], []int32{0, row}, nil, 16, 1) })
			}
			require.Equal(t, make([]float32, 5*16), table)
		}
	})
}

// One element has a way of its own, and the bits that it has beside others.
func TestOneElementHasTheBitsItHasAmongOthers(t *testing.T) {
	for _, family := range kernel.Names() {
		s := named(t, family)
		for _, x := range corners() {
			for _, y := range []float32{x, 1, -3, 0, float32(math.Copysign(0, -1)), 1e-30} {
				one, two := make([]float32, 1), make([]float32, 2)
				check := func(what string) { requireBits(t, two[:1], one, family+" "+what) }
				s.Sub(one, []float32{x}, []float32{y})
				s.Sub(two, []float32{x, 1}, []float32{y, 1})
				check("difference")
				one[0], two[0] = s.Dot([]float32{x}, []float32{y}), s.Dot([]float32{x, 0}, []float32{y, 0})
				check("inner product")
				one[0], two[0] = x, x
				s.AddRow(one, []float32{y}, 1, 1, 1)
				s.AddRow(two, []float32{y, 1}, 1, 2, 2)
				check("sum with a row")
				for _, acc := range []bool{false, true} {
					one[0], two[0] = x, x
					s.ColSum(one, []float32{y}, 1, 1, 1, acc)
					s.ColSum(two, []float32{y, 1}, 1, 2, 2, acc)
					check("sum of a column")
				}
				require.Equal(t, s.Finite([]float32{x, 1}), s.Finite([]float32{x}), "%s: %v", family, x)
				u := s.NewUpdater()
				one[0], two[0] = x, x
				require.Equal(t, u.SGD(two, two, []float32{y, 1}, nil, &hyper), u.SGD(one, one, []float32{y}, nil, &hyper))
				check("step")
				h := hyper
				h.PerAlpha, h.Strength = 5, 0.3
				state, states := []float32{0.5}, []float32{0.5, 1}
				one[0], two[0] = x, x
				ok := u.Adagrad(two, two, []float32{y, 1}, states, states, nil, &h)
				require.Equal(t, ok, u.Adagrad(one, one, []float32{y}, state, state, nil, &h))
				if ok {
					check("step of Adagrad")
					requireBits(t, states[:1], state, family+" sum of squares")
				}
				z, zs := []float32{x}, []float32{x, 1}
				state[0], states[0], one[0], two[0] = 0.5, 0.5, x, x
				ok = u.FTRL(two, []float32{y, 1}, zs, states, &h)
				require.Equal(t, ok, u.FTRL(one, []float32{y}, z, state, &h))
				if ok {
					check("step of FTRL")
					requireBits(t, zs[:1], z, family+" z")
					requireBits(t, states[:1], state, family+" n")
				}
			}
		}
	}
}

func TestFactorPairsEqualTheSumOverPairs(t *testing.T) {
	const m, fields, dim = 3, 5, 7
	x := noise(rand.New(rand.NewPCG(5, 6)), m*fields*dim)
	dy := []float32{1, -0.5, 0}
	for _, name := range kernel.Names() {
		s, err := kernel.Named(name)
		require.NoError(t, err)
		y, dx, room := make([]float32, m), make([]float32, len(x)), make([]float32, dim)
		s.FactorPairs(y, x, room, m, fields, dim)
		s.FactorPairsGrad(dx, x, dy, room, m, fields, dim)
		at := func(i, f, d int) float64 { return float64(x[(i*fields+f)*dim+d]) }
		for i := range m {
			sum := 0.0
			for f := range fields {
				for d := range dim {
					others := 0.0
					for g := range fields {
						if g != f {
							others += at(i, g, d)
						}
						if g < f {
							sum += at(i, f, d) * at(i, g, d)
						}
					}
					require.InDelta(t, float64(dy[i])*others, dx[(i*fields+f)*dim+d], 1e-5, name)
				}
			}
			require.InDelta(t, sum, y[i], 1e-4, name)
		}
	}
}

func TestSlopesOfFactorPairsHaveTheBitsOfPortable(t *testing.T) {
	portable, r := named(t, kernel.Portable), rand.New(rand.NewPCG(9, 10))
	families(t, func(t *testing.T, s *kernel.Set) {
		for _, dim := range []int{4, 7, 8, 16, 24, 40} {
			for _, fields := range []int{1, 2, 26} {
				const m = 3
				x, dy := sparseValues(r, m*fields*dim, 0.2), sparseValues(r, m, 0.2)
				want, got, room := make([]float32, len(x)), make([]float32, len(x)+1), make([]float32, dim)
				portable.FactorPairsGrad(want, x, dy, room, m, fields, dim)
				got[len(x)] = 7
				s.FactorPairsGrad(got, x, dy, room, m, fields, dim)
				requireBits(t, append(want, 7), got, fmt.Sprintf("%d fields of %d", fields, dim))
				s.FactorPairsGrad(x, x, dy, room, m, fields, dim)
				requireBits(t, want, x, fmt.Sprintf("%d fields of %d, in place", fields, dim))
			}
		}
	})
}

func TestFTRLOfPairsEqualsItOfTwoTables(t *testing.T) {
	const size = 200
	h := &kernel.Hyper{PerAlpha: 5, Beta1: 1, Strength: 0.3, Decay: 0.1, Scale: 0.5, Factor: 1}
	families(t, func(t *testing.T, set *kernel.Set) {
		u, r := set.NewUpdater(), rand.New(rand.NewPCG(7, 8))
		theta, z, n := make([]float32, size), make([]float32, size), make([]float32, size)
		theta2, pairs := make([]float32, size), make([]float32, 2*size)
		for _, k := range []int{0, 1, 7, 40, 64, 65, 129, 200} {
			var rows []int32
			for _, row := range r.Perm(size)[:k] {
				rows = append(rows, int32(row))
			}
			grad := noise(r, k)
			require.True(t, u.FTRLRows(theta, grad, z, n, rows, 1, h))
			require.True(t, u.FTRLPairs(theta2, grad, pairs, rows, h))
			requireBits(t, theta, theta2, "parameters")
			for row := range size {
				requireBits(t, []float32{z[row], n[row]}, pairs[2*row:2*row+2], "state")
			}
		}
		require.Contains(t, theta, float32(0), "l1 holds some at 0")
		require.False(t, u.FTRLPairs(theta2, []float32{1e30}, pairs, []int32{4}, h), "the square overflows")
		require.Panics(t, func() { u.FTRLPairs(theta2, []float32{1}, pairs[:2*size-2], []int32{size - 1}, h) })
	})
}

func TestFTRLOfRowsEqualsItOfAll(t *testing.T) {
	h := &kernel.Hyper{PerAlpha: 5, Beta1: 1, Strength: 0.3, Decay: 0.1, Scale: 0.5, Factor: 1}
	u := kernel.Best().NewUpdater()
	for _, dim := range []int{1, 3} {
		const size = 70
		r := rand.New(rand.NewPCG(7, 8))
		theta, z, n := make([]float32, size*dim), make([]float32, size*dim), make([]float32, size*dim)
		theta2, z2, n2 := make([]float32, size*dim), make([]float32, size*dim), make([]float32, size*dim)
		for range 20 {
			var rows []int32
			grad, sorted := make([]float32, size*dim), make([]float32, size*dim)
			for i, row := range r.Perm(size) {
				rows = append(rows, int32(row))
				part := noise(r, dim)
				copy(grad[i*dim:], part)
				copy(sorted[row*dim:], part)
			}
			require.True(t, u.FTRLRows(theta, grad, z, n, rows, dim, h))
			require.True(t, u.FTRL(theta2, sorted, z2, n2, h))
		}
		require.Equal(t, theta2, theta)
		require.Equal(t, z2, z)
		require.Equal(t, n2, n)
		require.Contains(t, theta, float32(0), "l1 holds some at 0")
		bad := make([]float32, dim)
		bad[0] = 1e30
		require.False(t, u.FTRLRows(theta, bad, z, n, []int32{4}, dim, h), "the square overflows")
	}
}
