package example

// LeastSize stands for the struct itself, with its headers of strings and slices.
const LeastSize = 208

// Size estimates the bytes of an example's own memory. Interned strings count each time.
func Size(ex *Example) int {
	return LeastSize + len(ex.ID) + len(ex.Subject) + len(ex.Segment) +
		Block(len(ex.Packed)) + Block(4*len(ex.Dense)) + Block(4*len(ex.Categories)) + Block(4*len(ex.Logits))
}

// Block is what an array of n bytes takes: allocations come in sizes, some ten percent apart
// from 128 bytes on, and every 16 below.
func Block(n int) int {
	if n <= 128 {
		return (n + 15) &^ 15
	}
	return n + n/20
}
