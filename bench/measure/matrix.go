package measure

import (
	"encoding/json"
	"math"

	"github.com/perennial-ml/perennial/engine/continual"
)

// A Matrix holds at [i][j] the accuracy on task j after learning task i, or NaN where it
// was not measured.
type Matrix [][]float64

// NewMatrix returns a matrix of n tasks, nothing measured yet.
func NewMatrix(n int) Matrix {
	m := make(Matrix, n)
	for i := range m {
		m[i] = make([]float64, n)
		for j := range m[i] {
			m[i][j] = math.NaN()
		}
	}
	return m
}

// Tasks returns what the matrix says of each task, after the last one; first holds the
// accuracies of the first weights, or nothing.
func (m Matrix) Tasks(first []float64) continual.Tasks {
	tasks := make(continual.Tasks, len(m))
	for j := range tasks {
		t := continual.NewTask()
		if j < len(first) {
			t.First = first[j]
		}
		if j > 0 {
			t.Before = m[j-1][j]
		}
		t.End(m[j][j])
		for l := j + 1; l < len(m); l++ {
			t.Look(m[l][j])
		}
		tasks[j] = t
	}
	return tasks
}

// BackwardTransferDR is BWT = Σ_{i=2..T} Σ_{j<i} (R[i][j] - R[j][j]) / (T(T-1)/2), which
// looks back after every task (Díaz-Rodríguez et al., "Don't forget, there is more than
// forgetting", 2018).
func (m Matrix) BackwardTransferDR() float64 {
	var d []float64
	for i := range m {
		for j := range i {
			d = append(d, m[i][j]-m[j][j])
		}
	}
	return mean(d)
}

// mean is NaN without values, or if one is.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values)) // 0/0 is NaN
}

// MarshalJSON writes what was not measured as null.
func (m Matrix) MarshalJSON() ([]byte, error) {
	out := make([][]*float64, len(m))
	for i, row := range m {
		out[i] = make([]*float64, len(row))
		for j := range row {
			if !math.IsNaN(row[j]) {
				out[i][j] = &row[j]
			}
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Matrix) UnmarshalJSON(raw []byte) error {
	var in [][]*float64
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*m = make(Matrix, len(in))
	for i, row := range in {
		(*m)[i] = make([]float64, len(row))
		for j, v := range row {
			(*m)[i][j] = math.NaN()
			if v != nil {
				(*m)[i][j] = *v
			}
		}
	}
	return nil
}
