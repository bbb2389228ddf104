package measure

import "math"

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
	var looks []float64
	for _, p := range c {
		looks = append(looks, mean(p.Accuracy))
	}
	return mean(looks)
}

// MinimumAccuracy is min-ACC = 1/(T-1) Σ_{j<T} min A_j, the least accuracy on each task but
// the last at any look after it was learned (De Lange, van de Ven and Tuytelaars,
// "Continual evaluation for lifelong learning: identifying the stability gap", 2023).
func (c Curve) MinimumAccuracy() float64 {
	if len(c) == 0 {
		return math.NaN()
	}
	tasks := c[len(c)-1].Task + 1
	least := make([]float64, tasks-1)
	for j := range least {
		least[j] = math.NaN()
		for _, p := range c {
			if p.Task > j && j < len(p.Accuracy) && !(p.Accuracy[j] >= least[j]) {
				least[j] = p.Accuracy[j]
			}
		}
	}
	return mean(least)
}

// WorstCaseAccuracy is WC-ACC = 1/T A_T + (1 - 1/T) min-ACC, A_T being the last look at the
// last task (De Lange et al. 2023).
func (c Curve) WorstCaseAccuracy() float64 {
	if len(c) == 0 {
		return math.NaN()
	}
	last := c[len(c)-1]
	tasks := float64(last.Task + 1)
	if tasks == 1 {
		return last.Accuracy[0]
	}
	return last.Accuracy[last.Task]/tasks + (1-1/tasks)*c.MinimumAccuracy()
}
