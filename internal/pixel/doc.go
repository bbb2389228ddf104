// Package pixel holds numbers of the form k/255, as those of images are, in a byte each:
// vector kernels that turn rows of float32 into levels k and back.
//
//	float32 ── Pack ──▶ level, or refused ── Unpack ──▶ float32 nearest to level/255
//
// # Rounding
//
// The level of v is the whole part of 255 v + ½, product and sum each rounded to float32.
// It stands for v if it is in 0..255, and the float32 nearest to level/255 is no further than
// Tolerance from v. So a v that is that float32 itself comes back bit for bit, and -0 comes
// back as 0. Division by 255 costs more than all the rest: the kernels split 1/255 into the
// float32 nearest to it and that nearest to what is left, and take the fused sum of the products
// with both. For each of the 256 levels that is the quotient, as the tests see by trying all.
//
// Images are far nearer to their levels than Tolerance, and then less will do. 255 v is rounded by adding
// and subtracting 3·2²², where a float32 has steps of 1; if it is in 0..255 and within 2·10⁻⁴ of that whole
// number, so is v within 0.8·10⁻⁶ of level/255, and ½ is further away than all roundings: the definition
// gives the same level. A row of which one number is not that near is packed anew by the definition.
//
// # Invariants
//
//   - Equal numbers give equal levels, and equal levels equal numbers, in all codecs.
//   - Nothing is allocated.
//
// # Concurrency
//
// A Codec has no state: any number of goroutines may use it.
package pixel
