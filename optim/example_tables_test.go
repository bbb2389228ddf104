package optim_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// A linear model of hashed features: a step touches the rows of its batch, and l1 keeps a
// feature that says nothing at exactly 0.
func ExampleFTRL() {
	m, err := models.New(models.Spec{Kind: "sparse_linear", Task: models.Binary, Categories: []int{1 << 20}}, 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	ftrl, err := optim.New([]optim.Config{{FTRL: &optim.FTRL{Alpha: 1, L1: 0.5}}}, m.Params())
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := &models.Batch{
		Rows:       4,
		Categories: []int32{700_001, 7, 42, 42},
		Targets:    []float32{1, 0, 0, 1},
		Weights:    []float32{1, 1, 1, 1},
	}
	for range 100 {
		if _, err := ftrl.Learn(m, batch); err != nil {
			fmt.Println(err)
			return
		}
	}
	w := m.Params()[0].Data
	fmt.Println("rows of a gradient:", m.Grads()[0].Rows)
	fmt.Printf("of clicks %.1f, of none %.1f, of chance %v\n", w[700_001], w[7], w[42])
	// Output:
	// rows of a gradient: [700001 7 42]
	// of clicks 2.7, of none -2.7, of chance 0
}
