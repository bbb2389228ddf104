package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ger writes dst = x yᵀ, or dst += x yᵀ.
func (w width) ger() {
	TEXT("ger"+w.name, NOSPLIT, "func(dst, x, y *float32, m, n, ldd int, acc bool)")
	Pragma("noescape")
	Doc("ger" + w.name + " is the product of a column and a row.")
	dst, x, y := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	m, n, ldd := Load(Param("m"), GP64()), Load(Param("n"), GP64()), Load(Param("ldd"), GP64())
	acc := Load(Param("acc"), GP8())
	SHLQ(U8(2), ldd)
	TESTB(acc, acc)
	JNZ(LabelRef("add"))
	for _, add := range []bool{false, true} {
		label := "set"
		if add {
			label = "add"
		}
		Label(label)
		v := w.vec()
		VBROADCASTSS(Mem{Base: x}, v)
		w.loop(label, n, func(off reg.Register, ks []*mask) {
			for i, k := range ks {
				var s reg.VecVirtual
				if add {
					s = w.load(w.at(dst, off, i), k)
				} else {
					s = w.zero()
				}
				VFMADD231PS(w.load(w.at(y, off, i), k), v, s)
				w.store(s, w.at(dst, off, i), k)
			}
		})
		ADDQ(I8(4), x)
		ADDQ(ldd, dst)
		DECQ(m)
		JNZ(LabelRef(label))
		if !add {
			JMP(LabelRef("out"))
		}
	}
	Label("out")
	done()
}

// gerNarrow writes the product of a column and a row of up to 16 elements, in rows of 16: each
// but the last is overwritten by the next beyond its end, which is cheaper than a mask.
func (w width) gerNarrow() {
	TEXT("gerNarrow"+w.name, NOSPLIT, "func(dst, x, y *float32, m, n int)")
	Pragma("noescape")
	Doc("gerNarrow" + w.name + " writes 16 elements for each of m rows that are n apart.")
	dst, x, y := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	m, n := Load(Param("m"), GP64()), Load(Param("n"), GP64())
	row := make([]reg.VecVirtual, w.parts())
	for i, k := range w.masks(n, w.parts()) {
		row[i] = w.load(Mem{Base: y, Disp: i * w.bytes}, k)
	}
	SHLQ(U8(2), n)
	Label("row")
	v := w.vec()
	VBROADCASTSS(Mem{Base: x}, v)
	for i := range row {
		s := w.zero()
		VFMADD231PS(row[i], v, s)
		VMOVUPS(s, Mem{Base: dst, Disp: i * w.bytes})
	}
	ADDQ(I8(4), x)
	ADDQ(n, dst)
	DECQ(m)
	JNZ(LabelRef("row"))
	done()
}

// rowDots writes the product of a row with a transposed matrix, for 8 or 32 of its rows:
// they are transposed in registers, so that each sum is one chain.
func (w width) rowDots() {
	for _, f := range []struct {
		name   string
		groups int
		next   bool // request the rows that follow
	}{{"rowDots8AVX2", 1, true}, {"rowDots32AVX2", 4, true}, {"rowDots32FarAVX2", 4, false}} {
		groups := f.groups
		TEXT(f.name, NOSPLIT, "func(c, x, src, in *float32, k, lds int)")
		Pragma("noescape")
		Doc(fmt.Sprintf("%s continues the sums in, or 0 if nil, with the products of x and %d rows of", f.name, 8*groups),
			"src, k long and lds bytes apart.")
		x, src := Load(Param("x"), GP64()), Load(Param("src"), GP64())
		k, lds := Load(Param("k"), GP64()), Load(Param("lds"), GP64())
		lds3, lds5, lds7 := GP64(), GP64(), GP64()
		LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
		LEAQ(Mem{Base: lds, Index: lds, Scale: 4}, lds5)
		LEAQ(Mem{Base: lds5, Index: lds, Scale: 2}, lds7)
		base := make([]reg.Register, groups)
		sums := make([]reg.VecVirtual, groups)
		for g := range base {
			if base[g] = src; g > 0 {
				base[g] = GP64()
				LEAQ(Mem{Base: base[g-1], Index: lds, Scale: 8}, base[g])
			}
			sums[g] = w.zero()
		}
		at := func(g, i, disp int) Mem {
			m := Mem{Base: base[g], Disp: disp}
			switch i {
			case 1, 2, 4:
				m.Index, m.Scale = lds, uint8(i)
			case 3, 6:
				m.Index, m.Scale = lds3, uint8(i/3)
			case 5:
				m.Index, m.Scale = lds5, 1
			case 7:
				m.Index, m.Scale = lds7, 1
			}
			return m
		}
		// What follows, if rows are adjacent and short: as much as is read meanwhile is requested.
		next := GP64()
		LEAQ(Mem{Base: base[groups-1], Index: lds, Scale: 8}, next)
		in := Load(Param("in"), GP64())
		TESTQ(in, in)
		JZ(LabelRef("begun"))
		for g, s := range sums {
			VMOVUPS(Mem{Base: in, Disp: 32 * g}, s)
		}
		Label("begun")
		rest := GP64()
		MOVQ(k, rest)
		ANDQ(I8(7), rest)
		SHRQ(U8(3), k)
		JZ(LabelRef("tail"))
		Label("terms")
		sq, terms := newSquare(), [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
		for half := range 2 {
			for p, v := range terms {
				VBROADCASTSS(Mem{Base: x, Disp: 16*half + 4*p}, v)
			}
			for g, s := range sums {
				for line := 0; f.next && line < 2; line++ {
					PREFETCHT0(Mem{Base: next, Disp: 64 * (2*(groups*half+g) + line)})
				}
				for p, column := range sq.transposed(func(i int, v reg.VecVirtual) {
					VMOVUPS(at(g, i, 16*half), v.AsX())
					VBLENDPS(U8(0xf0), at(g, i+4, 16*half-16), v, v) // no row i+4 is the first
				}) {
					VFMADD231PS(column, terms[p], s)
				}
			}
		}
		ADDQ(I8(32), x)
		ADDQ(I32(256*groups), next)
		for _, b := range base {
			ADDQ(I8(32), b)
		}
		DECQ(k)
		JNZ(LabelRef("terms"))
		Label("tail")
		// The last columns, fewer than 8, are read one by one.
		TESTQ(rest, rest)
		JZ(LabelRef("end"))
		Label("column")
		v, lo, hi := terms[0], sq.r[0].AsX(), sq.r[1].AsX()
		VBROADCASTSS(Mem{Base: x}, v)
		for g, s := range sums {
			for i, half := range []reg.Register{lo, hi} {
				VMOVSS(at(g, 4*i, 0), half)
				for j := 1; j < 4; j++ {
					VINSERTPS(U8(j<<4), at(g, 4*i+j, 0), half, half)
				}
			}
			VINSERTF128(U8(1), hi, sq.r[0], sq.r[0])
			VFMADD231PS(sq.r[0], v, s)
		}
		ADDQ(I8(4), x)
		for _, b := range base {
			ADDQ(I8(4), b)
		}
		DECQ(rest)
		JNZ(LabelRef("column"))
		Label("end")
		c := Load(Param("c"), GP64())
		for g, s := range sums {
			VMOVUPS(s, Mem{Base: c, Disp: 32 * g})
		}
		done()
	}
}

// sweepTerms is the number of rows of the right operand that sweep takes at a time.
const sweepTerms = 8

// sweep writes the product of a row with a matrix that is read from end to end, in the
// order in which it lies in memory, while the sums wait in the cache.
func (w width) sweep() {
	for _, terms := range []int{1, sweepTerms} {
		TEXT(fmt.Sprintf("sweep%d%s", terms, w.name), NOSPLIT, "func(c, a, b, in *float32, steps, n, ap, bp int)")
		Pragma("noescape")
		Doc(fmt.Sprintf("sweep%d%s continues n sums in, or 0 if nil, with %d terms in each step.", terms, w.name, terms))
		c, in := Load(Param("c"), GP64()), Load(Param("in"), GP64())
		bp := Load(Param("bp"), GP64())
		x := make([]reg.VecVirtual, terms)
		for p := range x {
			x[p] = w.vec()
		}
		pass := func(label string, from reg.Register) {
			a, ap := Load(Param("a"), GP64()), Load(Param("ap"), GP64())
			for p := range x {
				VBROADCASTSS(Mem{Base: a}, x[p])
				ADDQ(ap, a)
			}
			Store(a, Param("a"))
			n := Load(Param("n"), GP64())
			row := make([]reg.Register, (terms+2)/3)
			for i := range row {
				if i == 0 {
					row[i] = Load(Param("b"), GP64())
				} else {
					row[i] = GP64()
					LEAQ(Mem{Base: row[i-1], Index: bp, Scale: 2}, row[i])
					ADDQ(bp, row[i])
				}
			}
			w.loop(label, n, func(off reg.Register, ks []*mask) {
				for i, k := range ks {
					var s reg.VecVirtual
					if from == nil {
						s = w.zero()
					} else {
						s = w.load(w.at(from, off, i), k)
					}
					for p := range x {
						m := Mem{Base: row[p/3], Disp: i * w.bytes}
						if p%3 > 0 {
							m.Index, m.Scale = bp, uint8(p%3)
						}
						if k == nil {
							VFMADD231PS(m, x[p], s)
						} else {
							VFMADD231PS(w.load(m, k), x[p], s)
						}
					}
					w.store(s, w.at(c, off, i), k)
				}
				for _, r := range row {
					ADDQ(I8(4*group), r)
				}
			})
			b := Load(Param("b"), GP64())
			for range x {
				ADDQ(bp, b)
			}
			Store(b, Param("b"))
			steps := Load(Param("steps"), GP64())
			DECQ(steps)
			Store(steps, Param("steps"))
		}
		TESTQ(in, in)
		JNZ(LabelRef("from_memory"))
		pass("zero", nil)
		JZ(LabelRef("end"))
		MOVQ(c, in)
		Label("from_memory")
		pass("go_on", in)
		MOVQ(c, in)
		JNZ(LabelRef("from_memory"))
		Label("end")
		done()
	}
}

// peakChains is the number of independent sums of peak: more than two units of latency
// four can take.
const peakChains = 12

// peak writes a loop of multiply-adds over registers alone.
func (w width) peak() {
	TEXT("peak"+w.name, NOSPLIT, "func(rounds int) float32")
	Doc("peak" + w.name + " runs rounds of multiply-adds that depend on no memory.")
	n := Load(Param("rounds"), GP64())
	x := w.zero()
	var sums [peakChains]reg.VecVirtual
	for i := range sums {
		sums[i] = w.zero()
	}
	Label("round")
	for _, s := range sums {
		VFMADD231PS(x, x, s)
	}
	DECQ(n)
	JNZ(LabelRef("round"))
	for _, s := range sums[1:] {
		VADDPS(s, sums[0], sums[0])
	}
	Store(sums[0].AsX(), ReturnIndex(0))
	done()
}
