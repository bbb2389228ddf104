// Package kernel has the float32 loops that plans are made of: matrix products,
// elementwise functions, reductions, and optimizer steps in one pass.
//
//	plan ──▶ Set, chosen once ──┬─ avx512    AVX-512 F, DQ, BW, VL
//	                            ├─ avx2      AVX2, FMA3
//	                            ├─ portable  Go, the same bits
//	                            └─ approx    Go, multiplies and adds: other bits
//
// The assembly of both register widths is written by one generator in gen, a module of
// its own, with avo; go generate runs it. Go sees the families through one table of
// functions.
//
// # Order of summation
//
// Which family, tile, block or thread computes an element is not to be seen in it:
//
//   - Products: element i, j is one chain of fused multiply-adds over k, in order, that
//     begins at 0, at dst or at the bias. A row of a batch has the bits that it has alone.
//   - Reductions: element i goes to lane i mod 16; each lane adds in order; lanes l and
//     l+8 are added, then l and l+4, l+2, l+1. SumSquares does so in float64.
//   - Column sums and bags of rows: one chain per column, in the order of the rows.
//   - Elementary functions: math32.go is the definition, operation by operation.
//   - Updates: each product and sum rounded by itself, as package optim writes them. What a
//     gradient of +0 would leave as it is need not be computed (AdagradOuter), and a gradient
//     that is a product need not be written (DescendTN).
//   - Dropout: a product for each element, by the scale or by +0.
//
// One lane of a NaN is like another: payload and sign of a NaN are not specified.
//
// # Products
//
// The blocking is that of Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008):
//
//	for each block of k               about 320 terms
//	  for each block of rows          a's part of 290 KB stays in the second-level cache
//	    for each group of columns     64 of b are packed, as panels
//	      for each panel of columns   24 KB, which stay in the first level
//	        for each tile             6×16 (AVX2) or 12×32 (AVX-512) sums in registers
//
// Panels are packed several at a time, since the rows of one alone would each be a cache line
// and often a page of their own. a is read where it lies, by up to four pointers and scaled
// strides, but it is packed in the order of the tiles for aᵀ b, whose rows would cost a cache
// line for each term, and where its rows lie so that few of them fit in a cache at once.
// Tiles over panels know the distances of terms, and their loop is unrolled: it takes 1.02
// times the multiply-adds. The first tile over a panel of a b packs it: b is on its way from a
// far cache while the tile multiplies. Products of up to two tiles'
// height are not packed: low tiles are wide, so that eight sums or more hide the latency
// of an addition. A single row times a matrix reads the matrix from end to end (sweep)
// and keeps the sums in the cache; times a transposed one, it transposes 8×8 in registers
// (rowDots), so that the order over k stays.
//
// Where all rows of a batch begin with one value, the chains of a column are one up to there: a
// single row computes it (Affine), and the others go on from its sums.
//
// A left operand of a b or aᵀ b may be 0 in many places, as pixels, one-hot categories and units
// behind a ReLU are. Where a few rows of it promise enough, 64 terms are worked on at a time: a
// machine word says which of a row's are not 0, and its sums over these alone are in registers, up
// to 13 of columns, while 64 rows of b stay in the first-level cache. fma(0, b, sum) is sum unless
// b is not finite, or the sum is -0 and the product +0. So b is searched first, or known to be
// finite (AffineFinite, GemmFinite), and a result that holds a -0 is computed again with all terms.
//
// The right operand of a gradient aᵀ b may be 0 in many places, too: that of a layer behind dropout
// and a ReLU. Zeros are a unit's own, so that the sums over the others have to be rows by unit. Where
// SGD takes its step at once (DescendTN), those of 16 units and some 100 rows of the weights are
// computed so, stay in the first-level cache, and are turned in registers when the step is taken.
//
// A correlation of an image with filters is a product, too, of which the left operand is
// never written out (Dukhan, "The indirect convolution algorithm", 2019): each row of a tile
// has a pointer to what its filter sees, and the sums run over the whole filter.
//
// # Elementary functions
//
// exp follows Cody and Waite, "Software manual for the elementary functions" (1980), with
// the polynomials of Moshier, "Methods and programs for mathematical functions" (1989),
// published as Cephes; log has Moshier's too. tanh is (e-1)/(e+1) with e-1 computed without
// cancellation. The largest errors that the tests meet, in units in the last place:
// exp 0.94, log 0.73, sigmoid 1.95, tanh 1.98, softplus 1.71.
//
// # Fused multiply-add without hardware
//
// Go has no float32 fused multiply-add, and rounding a float64 one again to float32 is
// wrong where the first rounding hits a midpoint. Portable detects these cases and rounds
// them to odd first (fma.go): 0.7 GFLOP/s at 64×64×64 where AVX2 reaches 95 on the same
// core. Approx rounds each product and reaches 5.6; its inner products of 784 terms are off
// by 8e-9 of Σ|a b| on average and 5e-8 at most (TestApproxStaysNear, BenchmarkFamilies).
// Other processors than amd64 run Portable.
//
// # Processors that are not at hand
//
// Tests run the families that the machine has. Command internal/emulate (make avx512) runs
// them under Bochs' model of a processor with AVX-512.
//
// # Invariants
//
//   - Equal arguments give equal bits in AVX-512, AVX2 and Portable.
//   - Nothing is allocated. Workspace and state are the caller's.
//   - NaN and infinities pass through as the equations say, but for Max, which passes
//     over NaN.
//
// # Concurrency
//
// A Set has no state. A workspace and an Updater belong to one goroutine at a time.
// Threads share work by disjoint outputs: rows or columns of dst, never terms of a sum.
package kernel
