package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/internal/lanes"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// scoreUnit is the step in which similarities are held: 2^20 of them are 1.
const scoreUnit = 1 << 20

// gss is GSS-greedy (Aljundi et al. 2019, algorithm 2). The score of an arrival is
//
//	c = 1 + max_j cos(g, g_j)
//
// over the gradients of Compare random examples held; 1 if there are none. While there is
// room everything is kept. Then an arrival with c < 1 is weighed against one example i drawn
// with a probability proportional to the scores C, and takes its place with the probability
// C_i / (C_i + c).
//
// The gradients are those of the last layer, whose cosine is that of two outer products,
//
//	cos(g, g') = (d·d') (h·h' + 1) / (|d| |d'| √(|h|² + 1) √(|h'|² + 1))
//
// of the residuals d and the features h, so that none is ever formed. The examples that a
// list of arrivals is compared with are drawn once for the list.
type gss struct {
	groups
	hearing
	scores   sample.Weights // by slot, in units
	compared []*Example
	norms    []float64 // by row: of the gradient
	vectors  *lanes.Set
	// residuals and features are scratch: the inner products of an arrival's with those compared.
	residuals, features []float64
}

func newGSS(cfg Config, judge Judge) *gss {
	m := &gss{groups: newGroups(cfg, store.ClassOf), hearing: hearing{judge: judge}, scores: sample.NewWeights(column.NumberPages * cfg.page()), vectors: lanes.Best()}
	m.SlotCost += sample.WeightBytes
	return m
}

func (m *gss) prepare(list []*Example, r *rand.Rand) {
	m.compared = m.Draw(m.compared[:0], m.cfg.Compare, r)
	m.hear(list, m.compared)
	clear(m.compared)
	m.norms = m.norms[:0]
	for row := range m.asked {
		d, h := m.opinions.Residual(row), m.opinions.Feature(row)
		m.norms = append(m.norms, math.Sqrt(m.vectors.Dot(d, d))*math.Sqrt(m.vectors.Dot(h, h)+1))
	}
}

func (m *gss) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	row, heard := m.row(ex)
	if !heard {
		m.prepare(m.alone(ex), r)
		row = 0
	}
	at, c := m.Arrive(ex), m.score(row)
	switch {
	case m.Room(ex):
		m.Insert(ex, at)
		m.scores.Push(c)
	case c < scoreUnit && m.Items.Len() > 0:
		i := m.scores.Pick(r)
		own := m.scores.At(i)
		if sum := uint64(own) + uint64(c); sum > 0 && r.Uint64N(sum) < uint64(own) {
			m.Overwrite(i, ex, at)
			m.scores.Set(i, c)
		}
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		slot := m.scores.Pick(r)
		m.Evict(slot)
		m.scores.Remove(slot)
	}
}

// score returns c of a row, in units.
func (m *gss) score(row int) uint32 {
	if m.arrivals == len(m.asked) {
		return scoreUnit
	}
	o, n := &m.opinions, len(m.asked)-m.arrivals
	m.residuals, m.features = slices.Grow(m.residuals[:0], n)[:n], slices.Grow(m.features[:0], n)[:n]
	m.vectors.Dots(m.residuals, o.Residual(row), o.Residuals[m.arrivals*o.Outputs:])
	m.vectors.Dots(m.features, o.Feature(row), o.Features[m.arrivals*o.Width:])
	own, best := m.norms[row], -1.0
	for j, norm := range m.norms[m.arrivals:] {
		cos := 0.0
		if norm *= own; norm > 0 {
			cos = m.residuals[j] * (m.features[j] + 1) / norm
		}
		if cos > best {
			best = cos
		}
	}
	return uint32((1+min(best, 1))*scoreUnit + 0.5)
}

func (m *gss) drop(slot int) {
	m.groups.Drop(slot)
	m.scores.Remove(slot)
}

func (m *gss) Remove(match func(*Example) bool) int {
	return m.Sweep(match, m.drop)
}

func (m *gss) RemoveID(id string) bool {
	slot, ok := m.Find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Snapshot implements Memory.
func (m *gss) Snapshot() State {
	s := m.groups.Snapshot()
	s.held.Scores = m.scores.Freeze()
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *gss) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		m.groups = fresh
		m.scores.Load(&s.held.Scores)
	}
	return err
}
