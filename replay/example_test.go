package replay_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// A stratified memory gives a rare segment as much room as a common one.
func ExampleNew() {
	memory, err := replay.New(replay.Config{Kind: replay.Stratified, Capacity: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		ex := &replay.Example{ID: fmt.Sprint("p", i), Segment: "shop=large"}
		if i%100 == 99 {
			ex.Segment = "shop=small"
		}
		memory.Add(ex, rng.New(1, "keep", uint64(i)))
	}
	small := 0
	for _, ex := range memory.Draw(nil, 10, rng.New(1, "draw", 1000)) {
		if ex.Segment == "shop=small" {
			small++
		}
	}
	fmt.Println("held", memory.Len(), "of which small", small)
	// Output: held 10 of which small 5
}

// What is kept and what is rehearsed are two choices: here a uniform sample of a stream in
// which one class is rare, of which each class gives half of what is rehearsed.
func ExampleRetriever() {
	cfg := replay.Config{Capacity: 100, Retrieve: replay.Retrieve{Kind: replay.Balanced}}
	memory, err := replay.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	retriever, err := replay.NewRetriever(cfg.Retrieve, memory, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		ex := &replay.Example{ID: fmt.Sprint("p", i)}
		if i%10 == 9 {
			ex.Target = 1
		}
		replay.Offer(memory, []*replay.Example{ex}, rng.New(1, "keep", uint64(i)))
	}
	rare := 0
	for _, ex := range retriever.Retrieve(nil, 10, nil, rng.New(1, "draw", 1000)) {
		if ex.Target == 1 {
			rare++
		}
	}
	fmt.Println("rehearsed", rare, "of the rare class, of 10")
	// Output: rehearsed 5 of the rare class, of 10
}
