package replay

import (
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// lossUnit is the step in which losses are held: 2^16 of them are 1.
const lossUnit = 1 << 16

// quantise gives a loss in units, and the largest number for what is beyond.
func quantise(loss float32) uint32 {
	v := float64(loss) * lossUnit
	if !(v < math.MaxUint32) {
		return math.MaxUint32
	}
	return uint32(max(v, 0) + 0.5)
}

// lossAware is loss-aware balanced reservoir sampling (LARS; Buzzega et al. 2020, algorithm
// 2). An arrival enters with the probability that it has in a reservoir. Which example i it
// takes the place of is drawn from two scores of equal mass,
//
//	p(i) = ½ n(y_i) / Σ_j n(y_j)  +  ½ (L - ℓ_i) / Σ_j (L - ℓ_j)
//
// where n(y) is the number of examples held of a class, ℓ the loss when an example was last in
// a step, and L the largest of those: what is learned well, and what there
// is much of, goes first. The paper's scores are n(y_i) and -ℓ_i; shifting the latter by L is
// what makes a probability of them.
type lossAware struct {
	groups
	sample.Uniform
	hearing
	losses sample.Weights // by slot, in units
	// news and told are newcomers, by id, and their losses, as observed before they
	// were offered.
	news []string
	told []float32
}

func newLossAware(cfg Config, judge Judge) *lossAware {
	m := &lossAware{groups: newGroups(cfg, store.ClassOf), hearing: hearing{judge: judge}, losses: sample.NewWeights(column.NumberPages * cfg.page())}
	m.SlotCost += sample.WeightBytes
	return m
}

func (m *lossAware) prepare(list []*Example, _ *rand.Rand) {
	known := len(list) == len(m.news)
	for i := 0; known && i < len(list); i++ {
		known = list[i].ID == m.news[i]
	}
	if !known {
		m.hear(list, nil)
		return
	}
	m.asked = append(m.asked[:0], list...)
	m.arrivals, m.next = len(list), 0
	m.opinions = Opinions{Losses: m.told}
}

func (m *lossAware) forgetOpinions() {
	m.hearing.forgetOpinions()
	clear(m.news)
	m.news, m.told = m.news[:0], m.told[:0]
}

func (m *lossAware) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	size, at := m.Items.Len(), m.groups.Arrive(ex)
	slot := m.Uniform.Arrive(size, m.Limits.Places(&m.Uniform, size, m.Bytes(), m.Cost(ex)), r)
	if slot == sample.Rejected {
		return
	}
	loss := quantise(m.lossOf(ex))
	if slot == size {
		m.Insert(ex, at)
		m.losses.Push(loss)
	} else {
		slot = m.victim(r)
		m.Overwrite(slot, ex, at)
		m.losses.Set(slot, loss)
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		slot := m.victim(r)
		m.Evict(slot)
		m.losses.Remove(slot)
	}
}

func (m *lossAware) lossOf(ex *Example) float32 {
	row, heard := m.row(ex)
	if !heard {
		m.hear(m.alone(ex), nil)
		row = 0
	}
	return m.opinions.Losses[row]
}

// victim draws the slot that is given up.
func (m *lossAware) victim(r *rand.Rand) int {
	if r.Uint64()>>63 == 0 {
		return m.losses.PickLow(r)
	}
	total := uint64(0)
	for i := range m.List {
		n := uint64(m.List[i].Members.N)
		total += n * n
	}
	x := r.Uint64N(total)
	for i := range m.List {
		n := uint64(m.List[i].Members.N)
		if x < n*n {
			return m.List[i].Members.At(int(x / n))
		}
		x -= n * n
	}
	return 0
}

// Observe implements Observer.
func (m *lossAware) Observe(list []*Example, losses []float32) {
	for i, ex := range list {
		example.PrefetchIDs(list, i)
		if slot, ok := m.Find(ex.ID); ok {
			m.losses.Set(slot, quantise(losses[i]))
			continue
		}
		m.news, m.told = append(m.news, ex.ID), append(m.told, losses[i])
	}
}

func (m *lossAware) drop(slot int) {
	m.Leave(m.Items.Len())
	m.groups.Drop(slot)
	m.losses.Remove(slot)
}

func (m *lossAware) Remove(match func(*Example) bool) int {
	return m.Sweep(match, m.drop)
}

func (m *lossAware) RemoveID(id string) bool {
	slot, ok := m.Find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Snapshot implements Memory.
func (m *lossAware) Snapshot() State {
	s := m.groups.Snapshot()
	s.held.Sample, s.held.Scores = m.Uniform, m.losses.Freeze()
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *lossAware) Restore(s State) error {
	fresh, err := m.restored(s)
	if err == nil {
		err = fitsSample(&s.held.Sample, s.Len(), m.cfg)
	}
	if err == nil {
		m.groups, m.Uniform = fresh, s.held.Sample
		m.losses.Load(&s.held.Scores)
	}
	return err
}
