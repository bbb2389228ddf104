package measure

import "github.com/perennial-ml/perennial/engine/continual"

// A Point is one look at the learner while it learns.
type Point struct {
	Examples int64     `json:"examples"` // learned so far, repetitions counted
	Task     int       `json:"task"`     // being learned, from 0
	Accuracy []float64 `json:"accuracy"` // on each task seen so far, this one last
}

// A Curve is the looks in their order.
type Curve []Point

// AnytimeAccuracy is the mean, over the looks, of the mean accuracy on the tasks seen so
// far (Caccia et al., "Online fast adaptation and knowledge accumulation", 2020: AAA).
func (c Curve) AnytimeAccuracy() float64 {
	var looks continual.Mean
	for _, p := range c {
		looks.Add(mean(p.Accuracy), 1)
	}
	return looks.Value()
}

// Tasks returns what the looks say of each task, up to the one that was learned last.
func (c Curve) Tasks() continual.Tasks {
	if len(c) == 0 {
		return nil
	}
	tasks := make(continual.Tasks, c[len(c)-1].Task+1)
	for j := range tasks {
		t := continual.NewTask()
		for _, p := range c {
			switch {
			case j >= len(p.Accuracy):
			case p.Task > j:
				t.Look(p.Accuracy[j])
			default:
				t.Learn(p.Accuracy[j])
			}
		}
		tasks[j] = t
	}
	return tasks
}
