package models

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/compute"
)

// A single is what a Model has for batches of one row, where its graph is that of compute.Single:
// of a SparseLinear with one output and no numeric features.
type single struct {
	*machine
	*compute.Single
	table compute.Sparse
}

func newSingle(c *core) *single {
	s := &c.spec
	if _, ok := c.arch.(SparseLinear); !ok || s.Dense > 0 || s.Outputs() > 1 || s.averages() {
		return nil
	}
	n := len(s.Categories)
	return &single{
		machine: &machine{ids: make([]int32, n), partial: true},
		Single:  c.kernels.NewSingle(n, s.Task == Regression),
	}
}

// differentiate is Differentiate for a batch whose features were checked but for its categories. What
// is checked after these passes while their rows come.
func (s *single) differentiate(m *Model, b *Batch) (float64, error) {
	if err := s.lookUp(&m.core, b); err != nil {
		return 0, err
	}
	table, bias := &m.params[0], &m.params[1]
	m.prefetch(s.ids)
	if err := b.checkLabels(&m.core); err != nil {
		return 0, err
	}
	if err := b.checkExtras(&m.core, &m.objective); err != nil {
		return 0, err
	}
	s.Sum(table.Data, s.ids, bias.Data[0])
	loss := s.Loss(b.Targets[0], b.Weights[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("%w: loss is %v", ErrNonFinite, loss)
	}
	s.Rows(&s.table, s.ids)
	m.grads[0].Rows, m.grads[0].Data = s.table.Index, s.table.Values
	m.grads[1].Data[0] = s.Slope()
	// No row has more than the slope of all ids.
	most := s.Slope() * float32(max(1, len(s.ids)))
	m.squares[0], m.squares[1] = most*most, most*most
	if !(most*most <= math.MaxFloat32) {
		for i := range m.grads {
			if !m.finite(i, m.grads[i].Data) {
				return 0, fmt.Errorf("%w: gradient of %s", ErrNonFinite, m.grads[i].Name)
			}
		}
	}
	m.last, m.lastRows = s.Z(), 1
	return loss, nil
}
