package sample_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// A sample of 3 of 10 arrivals, which tells the slot that each takes.
func ExampleUniform() {
	r := rand.New(rand.NewPCG(1, 2))
	var account sample.Uniform
	var held []int
	for arrival := range 10 {
		switch slot := account.Arrive(len(held), 3, r); slot {
		case sample.Rejected:
		case len(held):
			held = append(held, arrival)
		default:
			held[slot] = arrival
		}
	}
	fmt.Println(len(held), "of", account.Population)
	account.Leave(len(held))
	fmt.Println(account.Holes, "of", account.Debt, "later arrivals make up for the removal")
	// Output:
	// 3 of 10
	// 1 of 3 later arrivals make up for the removal
}

func ExampleWeights() {
	w := sample.NewWeights(1024)
	for _, v := range []uint32{0, 5, 0} {
		w.Push(v)
	}
	r := rand.New(rand.NewPCG(1, 2))
	fmt.Println(w.Pick(r), w.Pick(r), w.PickLow(r) != 1)
	// Output: 1 1 true
}
