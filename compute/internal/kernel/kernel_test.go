package kernel_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

func ExampleSet_GemmNN() {
	s := kernel.Best()
	ws := make([]float32, kernel.Workspace)
	a := []float32{1, 2, 3, 4} // 2×2
	b := []float32{1, 0, 1, 0, 1, 1}
	dst := make([]float32, 6)
	s.GemmNN(dst, a, b, 2, 3, 2, 3, 2, 3, false, ws)
	fmt.Println(dst)
	// Output: [1 2 3 3 4 7]
}
