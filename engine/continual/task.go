package continual

import "math"

// A Task is what was measured of one task, or phase of learning: accuracies on examples of
// it that are not learned, NaN where nothing was measured.
type Task struct {
	First   float64 // b_j: by the first weights
	Before  float64 // R_{j-1,j}: by the weights as the task began; NaN for the first one
	Learned float64 // R_jj: as the task ended
	Best    float64 // the highest since then, but for the latest look
	Worst   float64 // the lowest at the looks after it ended
	Current float64 // R_Tj: at the latest look
}

// NewTask returns a task of which nothing was measured.
func NewTask() Task {
	n := math.NaN()
	return Task{First: n, Before: n, Learned: n, Best: n, Worst: n, Current: n}
}

// Learn notes a look while the task is learned.
func (t *Task) Learn(accuracy float64) { t.Current = accuracy }

// End notes the look with which the task ends.
func (t *Task) End(accuracy float64) { t.Learned, t.Best, t.Current = accuracy, accuracy, accuracy }

// Look notes a look after the task ended.
func (t *Task) Look(accuracy float64) {
	if !math.IsNaN(t.Current) && !(t.Current <= t.Best) {
		t.Best = t.Current
	}
	if !math.IsNaN(accuracy) && !(accuracy >= t.Worst) {
		t.Worst = accuracy
	}
	t.Current = accuracy
}
