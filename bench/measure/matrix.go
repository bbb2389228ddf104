package measure

import (
	"encoding/json"
	"math"
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

// AverageAccuracy is ACC = 1/T Σ_j R[T][j] (Lopez-Paz and Ranzato, "Gradient episodic
// memory for continual learning", 2017).
func (m Matrix) AverageAccuracy() float64 {
	if len(m) == 0 {
		return math.NaN()
	}
	return mean(m[len(m)-1])
}

// LearningAccuracy is 1/T Σ_j R[j][j], how well each task was learned when it came
// (Riemer et al., "Learning to learn without forgetting", 2019).
func (m Matrix) LearningAccuracy() float64 {
	var diagonal []float64
	for j := range m {
		diagonal = append(diagonal, m[j][j])
	}
	return mean(diagonal)
}

// BackwardTransfer is BWT = 1/(T-1) Σ_{j<T} (R[T][j] - R[j][j]) (Lopez-Paz and Ranzato
// 2017).
func (m Matrix) BackwardTransfer() float64 {
	var d []float64
	for j := range len(m) - 1 {
		d = append(d, m[len(m)-1][j]-m[j][j])
	}
	return mean(d)
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

// ForwardTransfer is FWT = 1/(T-1) Σ_{j>1} (R[j-1][j] - b[j]), b being the accuracy of the
// first weights (Lopez-Paz and Ranzato 2017).
func (m Matrix) ForwardTransfer(first []float64) float64 {
	var d []float64
	for j := 1; j < len(m) && j < len(first); j++ {
		d = append(d, m[j-1][j]-first[j])
	}
	return mean(d)
}

// Forgetting is F = 1/(T-1) Σ_{j<T} (max_{l<T} R[l][j] - R[T][j]), over what was measured
// since task j (Chaudhry et al., "Riemannian walk for incremental learning", 2018).
func (m Matrix) Forgetting() float64 {
	last := len(m) - 1
	var d []float64
	for j := range last {
		best := math.NaN()
		for l := j; l < last; l++ {
			if v := m[l][j]; !(v <= best) && !math.IsNaN(v) {
				best = v
			}
		}
		d = append(d, best-m[last][j])
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
