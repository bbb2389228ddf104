package arm_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// A learner takes a step on two new examples at a time, and rehearses two that it remembers.
func Example() {
	spec := models.Spec{Kind: "linear", Task: models.Binary, Dense: 1}
	cfg := arm.Config{Name: "learner", Optimizer: []optim.Config{{SGD: &optim.SGD{LearningRate: 1}}}}.WithDefaults(spec.Task)
	a, err := arm.New(cfg, arm.Front{Seed: 1, Spec: spec, Rows: 2, Meter: prequential.Config{Task: spec.Task}.WithDefaults()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for position := range uint64(50) {
		fresh := []*replay.Example{
			{ID: fmt.Sprint("low-", position), Position: position, Dense: []float32{-1}, Target: 0, Weight: 1},
			{ID: fmt.Sprint("high-", position), Position: position, Dense: []float32{1}, Target: 1, Weight: 1},
		}
		if err := a.Learn(fresh, position, a.Streams(position)); err != nil {
			fmt.Println(err)
			return
		}
	}
	c := a.Counts()
	fmt.Println(c.Steps, "steps on", c.Learned, "new examples and", c.Rehearsed, "rehearsed ones")
	// Output: 50 steps on 100 new examples and 98 rehearsed ones
}
