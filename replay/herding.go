package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/internal/lanes"
	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// herding keeps for each class the examples whose mean feature is closest to the mean μ of
// the class's arrivals, features being scaled to norm 1 (Rebuffi et al. 2017, algorithm 4,
// which orders all examples of a class at once). Over a stream: an arrival of a class that
// has its share, capacity/classes, takes the place of the one for which
//
//	| Σ φ_j - φ_i + φ - m μ |
//
// over the m examples held is least, if that is less than without the exchange. A class
// below its share takes a place from the largest class, which gives up the example without
// which its own mean stays closest. While there is room everything is kept. It decides
// nothing by chance.
//
// Features are those of when an example was stored. The mean is over arrivals; those that
// are removed later stay in it.
type herding struct {
	groups
	hearing
	features column.Column[[]float32] // by slot, of norm 1 or 0
	sums     featureSums
	width    int       // of a feature; 0 before the first
	target   []float64 // scratch
	fresh    []float32 // scratch
	origin   []float32 // zeros
	vectors  *lanes.Set
}

func newHerding(cfg Config, judge Judge) *herding {
	return &herding{
		groups: newGroups(cfg, store.ClassOf), hearing: hearing{judge: judge},
		features: column.New[[]float32](cfg.page()), vectors: lanes.Best(),
	}
}

func (m *herding) prepare(list []*Example, _ *rand.Rand) { m.hear(list, nil) }

func (m *herding) Add(ex *Example, _ *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	row, heard := m.row(ex)
	if !heard {
		m.hear(m.alone(ex), nil)
		row = 0
	}
	m.resize(m.opinions.Width)
	f := m.unit(m.opinions.Feature(row))
	at := m.Arrive(ex)
	m.average(&m.List[at], f)
	own := m.List[at].Members.N
	switch largest := m.Largest(); {
	case m.Room(ex):
		m.Insert(ex, at)
		m.features.Push(slices.Clone(f))
		m.sums.add(at, f)
	case m.Items.Len() > 0 && m.Wants(own, largest):
		slot, _ := m.best(largest, nil)
		m.exchange(slot, ex, at, f)
	case own > 0:
		if slot, closer := m.best(at, f); closer {
			m.exchange(slot, ex, at, f)
		}
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		slot, _ := m.best(m.Largest(), nil)
		m.sums.subtract(m.HomeOf(slot), m.features.At(slot))
		m.Evict(slot)
		m.move(slot)
	}
}

// exchange puts an example and its feature in a slot, as a member of a group.
func (m *herding) exchange(slot int, ex *Example, at int, f []float32) {
	m.sums.subtract(m.HomeOf(slot), m.features.At(slot))
	m.Overwrite(slot, ex, at)
	m.features.Set(slot, slices.Clone(f))
	m.sums.add(at, f)
}

// Replace implements Memory.
func (m *herding) Replace(ex *Example) bool {
	slot, ok := m.Find(ex.ID)
	if !ok {
		return false
	}
	from := m.HomeOf(slot)
	m.groups.Replace(ex)
	if to := m.HomeOf(slot); to != from {
		m.sums.subtract(from, m.features.At(slot))
		m.sums.add(to, m.features.At(slot))
	}
	return true
}

// resize takes the width of the features from the first of them.
// Should it change, features that are held are cut, or filled up with zeros.
func (m *herding) resize(width int) {
	if m.width == width {
		return
	}
	for slot := range m.features.Len() {
		if f := m.features.At(slot); len(f) != width {
			m.features.Set(slot, append(make([]float32, 0, width), f[:min(width, len(f))]...)[:width])
		}
	}
	for i := range m.List {
		if mean := m.List[i].Mean; mean != nil {
			m.List[i].Mean = append(make([]float32, 0, width), mean[:min(width, len(mean))]...)[:width]
		}
	}
	m.width = width
	m.SlotCost, m.GroupCost = store.MemberBytes+24+example.Block(4*width), store.GroupBytes+example.Block(4*width)+example.Block(8*width)
	m.target, m.fresh, m.origin = make([]float64, width), make([]float32, width), make([]float32, width)
	m.sums = featureSums{width: width}
	for slot := range m.features.Len() {
		m.sums.add(m.HomeOf(slot), m.features.At(slot))
	}
}

// unit returns a feature scaled to norm 1; valid until the next call.
func (m *herding) unit(f []float32) []float32 {
	scale := 0.0
	if n := math.Sqrt(m.vectors.Dot(f, f)); n > 0 {
		scale = 1 / n
	}
	for i, v := range f {
		m.fresh[i] = float32(float64(v) * scale)
	}
	return m.fresh
}

// average takes an arrival into the mean of its class.
func (m *herding) average(g *store.Group, f []float32) {
	mean := m.mean(g)
	g.Heard = min(g.Heard+1, store.MaxHeard)
	rate := 1 / float64(g.Heard)
	for i, v := range f {
		old := float64(mean[i])
		mean[i] = float32(old + float64(rate*(float64(v)-old)))
	}
}

func (m *herding) mean(g *store.Group) []float32 {
	if g.Mean == nil {
		g.Mean = make([]float32, m.width)
	}
	return g.Mean
}

// best returns the member without which, and with f if there is one, the mean of a group's
// members is closest to the group's; of several the first. closer says that it is then closer
// than it was.
func (m *herding) best(at int, f []float32) (slot int, closer bool) {
	g := &m.List[at]
	n := float64(g.Members.N)
	if f == nil {
		n--
	}
	sum, mean, t := m.sums.of(at), m.mean(g), m.target // Σ φ_j + f - n μ
	for i := range t {
		t[i] = sum[i] - float64(n*float64(mean[i]))
	}
	before := m.vectors.Distance(t, m.origin)
	for i, v := range f {
		t[i] += float64(v)
	}
	least := math.Inf(1)
	for k := range g.Members.N {
		s := g.Members.At(k)
		if d := m.vectors.Distance(t, m.features.At(s)); d < least {
			slot, least = s, d
		}
	}
	return slot, least < before
}

// move follows a removal from the store.
func (m *herding) move(slot int) {
	if last := m.features.Len() - 1; slot != last {
		m.features.Set(slot, m.features.At(last))
	}
	m.features.Pop()
}

func (m *herding) drop(slot int) {
	m.sums.subtract(m.HomeOf(slot), m.features.At(slot))
	m.groups.Drop(slot)
	m.move(slot)
}

func (m *herding) Remove(match func(*Example) bool) int {
	return m.Sweep(match, m.drop)
}

func (m *herding) RemoveID(id string) bool {
	slot, ok := m.Find(id)
	if ok {
		m.drop(slot)
	}
	return ok
}

// Snapshot implements Memory.
func (m *herding) Snapshot() State {
	s := m.groups.Snapshot()
	s.held.Features, s.held.Width = m.features.Freeze(), m.width
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *herding) Restore(s State) error {
	fresh, err := m.restored(s)
	if err != nil {
		return err
	}
	m.groups = fresh
	m.features, m.width, m.sums = s.held.Features.Thaw(m.features.Page()), 0, featureSums{}
	if s.held.Width > 0 {
		m.resize(s.held.Width)
	}
	return nil
}
