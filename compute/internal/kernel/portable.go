package kernel

import (
	"math"
	"unsafe"
)

// lanes is the number of virtual lanes of a reduction.
const lanes = 16

func portable() *Set { return &Set{Name: Portable, Lanes: 1, f: scalarFamily(fma32)} }

func approx() *Set {
	s := &Set{Name: Approx, Lanes: 1, f: scalarFamily(muladd)}
	s.f.gemm, s.f.ger = gemmApprox, gerApprox
	return s
}

func view(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

// scalarFamily returns Go kernels over a multiply-add.
func scalarFamily(fma func(a, b, c float32) float32) family {
	f := family{
		gemm:      gemmExact,
		ger:       gerExact,
		addRow:    addRow,
		colSum:    colSum,
		sum:       sum,
		max:       largest,
		sumSq:     sumSquares,
		finite:    finite,
		maxRows:   largerRows,
		routeRows: routeRows,
		dot: func(a, b *float32, n int) float32 {
			x, y := view(a, n), view(b, n)
			var acc [lanes]float32
			for i, v := range x {
				acc[i%lanes] = fma(v, y[i], acc[i%lanes])
			}
			return fold(&acc)
		},
		square64: func(a *float32, n int) float32 {
			var acc [4 * lanes]float32
			for i, v := range view(a, n) {
				acc[i%len(acc)] = fma(v, v, acc[i%len(acc)])
			}
			for half := len(acc) / 2; half >= lanes; half /= 2 {
				for l := range half {
					acc[l] += acc[l+half]
				}
			}
			return fold((*[lanes]float32)(acc[:lanes]))
		},
		expSum: func(dst, a *float32, shift float32, n int) float32 {
			d, x := view(dst, n), view(a, n)
			var acc [lanes]float32
			for i, v := range x {
				e := exp32(fma, v-shift)
				d[i] = e
				acc[i%lanes] += e
			}
			return fold(&acc)
		},
		update: updates(),
		ftrl:   stepFTRL,

		dropout: dropout,
	}
	f.unary = [unaryCount]func(dst, a *float32, n int){
		opReLU:     each(relu32),
		opTanh:     each(func(x float32) float32 { return tanh32(fma, x) }),
		opSigmoid:  each(func(x float32) float32 { return sigmoid32(fma, x) }),
		opGELU:     each(func(x float32) float32 { return gelu32(fma, x) }),
		opExp:      each(func(x float32) float32 { return exp32(fma, x) }),
		opLog:      each(func(x float32) float32 { return log32(fma, x) }),
		opSqrt:     each(sqrt32),
		opAbs:      each(abs32),
		opSoftplus: each(func(x float32) float32 { return softplus32(fma, x) }),
	}
	f.binary = [binaryCount]func(dst, a, b *float32, n int){
		opAdd:         both(func(a, b float32) float32 { return a + b }),
		opSub:         both(func(a, b float32) float32 { return a - b }),
		opMul:         both(func(a, b float32) float32 { return a * b }),
		opDiv:         both(func(a, b float32) float32 { return a / b }),
		opReLUGrad:    both(reluSlope32),
		opTanhGrad:    both(func(dy, y float32) float32 { return dy * fma(-y, y, 1) }),
		opSigmoidGrad: both(func(dy, y float32) float32 { return dy * fma(-y, y, y) }),
		opGELUGrad:    both(func(dy, x float32) float32 { return dy * geluSlope32(fma, x) }),
		opMulAdd: func(dst, a, b *float32, n int) {
			d, x, y := view(dst, n), view(a, n), view(b, n)
			for i, v := range x {
				d[i] = fma(v, y[i], d[i])
			}
		},
	}
	f.scalar = [scalarCount]func(dst, a *float32, s float32, n int){
		opScale: with(func(a, s float32) float32 { return a * s }),
		opShift: with(func(a, s float32) float32 { return a + s }),
		opFloor: with(floor32),
		opCeil:  with(ceil32),
		opAxpy: func(dst, a *float32, s float32, n int) {
			d, x := view(dst, n), view(a, n)
			for i, v := range x {
				d[i] = fma(s, v, d[i])
			}
		},
	}
	return f
}

func each(op func(float32) float32) func(dst, a *float32, n int) {
	return func(dst, a *float32, n int) {
		d, x := view(dst, n), view(a, n)
		for i, v := range x {
			d[i] = op(v)
		}
	}
}

func both(op func(a, b float32) float32) func(dst, a, b *float32, n int) {
	return func(dst, a, b *float32, n int) {
		d, x, y := view(dst, n), view(a, n), view(b, n)
		for i, v := range x {
			d[i] = op(v, y[i])
		}
	}
}

func with(op func(a, s float32) float32) func(dst, a *float32, s float32, n int) {
	return func(dst, a *float32, s float32, n int) {
		d, x := view(dst, n), view(a, n)
		for i, v := range x {
			d[i] = op(v, s)
		}
	}
}

// fold adds the lanes of a reduction as a tree.
func fold(acc *[lanes]float32) float32 {
	for half := lanes / 2; half > 0; half /= 2 {
		for l := range half {
			acc[l] += acc[l+half]
		}
	}
	return acc[0]
}

func sum(a *float32, n int) float32 {
	var acc [lanes]float32
	for i, v := range view(a, n) {
		acc[i%lanes] += v
	}
	return fold(&acc)
}

func largest(a *float32, n int) float32 {
	var acc [lanes]float32
	for l := range acc {
		acc[l] = float32(math.Inf(-1))
	}
	for i, v := range view(a, n) {
		acc[i%lanes] = above32(v, acc[i%lanes])
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for l := range half {
			acc[l] = above32(acc[l+half], acc[l])
		}
	}
	return acc[0]
}

func sumSquares(a *float32, n int) float64 {
	var acc [lanes]float64
	for i, v := range view(a, n) {
		acc[i%lanes] += float64(v) * float64(v)
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for l := range half {
			acc[l] += acc[l+half]
		}
	}
	return acc[0]
}

func finite(a *float32, n int) float32 {
	var acc float32
	for _, v := range view(a, n) {
		acc += v * 0 // NaN if v is not finite
	}
	return acc
}

func addRow(dst, row *float32, m, n, ldd int) {
	d, r := view(dst, (m-1)*ldd+n), view(row, n)
	for i := range m {
		for j, v := range d[i*ldd:][:n] {
			d[i*ldd+j] = v + r[j]
		}
	}
}

func colSum(dst, a *float32, m, n, lda int, acc bool) {
	d, x := view(dst, n), view(a, (m-1)*lda+n)
	if !acc {
		clear(d)
	}
	for i := range m {
		for j, v := range x[i*lda:][:n] {
			d[j] += v
		}
	}
}
