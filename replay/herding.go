package replay

import (
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/perennial-ml/perennial/internal/lanes"
	"github.com/perennial-ml/perennial/internal/pixel"
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
// Each choice is among Compare of the class's members, who take turns of two choices.
//
// Features are those of when an example was stored. The mean is over arrivals; those that
// are removed later stay in it.
type herding struct {
	groups
	hearing
	features   column.Column[[]float32] // by slot, of norm 1 or 0
	own        []bool                   // by slot: no state has the feature, which may be written over
	sums       featureSums
	width      int       // of a feature; 0 before the first
	candidates []int     // scratch: slots
	target     []float64 // scratch
	fresh      []float32 // scratch
	vectors    *lanes.Set
}

// perTurn is how many searches look at the same members: the features are at hand for the second.
const perTurn = 2

func newHerding(cfg Config, judge Judge) *herding {
	vectors := lanes.Best()
	return &herding{
		groups: newGroups(cfg, store.ClassOf), hearing: hearing{judge: judge},
		features: column.New[[]float32](cfg.page()), sums: newFeatureSums(vectors, 0), vectors: vectors,
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
	at := m.Arrive(ex)
	own := m.List[at].Members.N
	largest, gives := m.Giver(own)
	switch {
	case m.Room(ex):
		f := m.hears(at, row)
		m.Insert(ex, at)
		m.features.Push(slices.Clone(f))
		m.own = append(m.own, true)
		m.sums.trade(at, f, nil)
	case gives:
		m.propose(largest)
		f := m.hears(at, row)
		slot, _ := m.best(largest, nil)
		m.exchange(slot, ex, at, f)
	case own > 0:
		m.propose(at)
		f := m.hears(at, row)
		if slot, closer := m.best(at, f); closer {
			m.exchange(slot, ex, at, f)
		}
	default:
		m.hears(at, row)
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		largest := m.Largest()
		m.propose(largest)
		slot, _ := m.best(largest, nil)
		m.sums.trade(largest, nil, m.features.At(slot))
		m.Evict(slot)
		m.move(slot)
	}
}

// hears takes an arrival, a row of the opinions, into the mean of its class, and returns its
// feature, scaled to norm 1, or 0 if it is; valid until the next call.
func (m *herding) hears(at, row int) []float32 {
	f, scale := m.opinions.Feature(row), 0.0
	if n := math.Sqrt(m.vectors.Dot(f, f)); n > 0 {
		scale = 1 / n
	}
	m.vectors.Scale(m.fresh, f, scale)
	g := &m.List[at]
	g.Heard = min(g.Heard+1, store.MaxHeard)
	m.vectors.Approach(m.mean(g), m.fresh, 1/float64(g.Heard))
	return m.fresh
}

func (m *herding) mean(g *store.Group) []float32 {
	if g.Mean == nil {
		g.Mean = make([]float32, m.width)
	}
	return g.Mean
}

// exchange puts an example and its feature in a slot, as a member of a group.
func (m *herding) exchange(slot int, ex *Example, at int, f []float32) {
	m.PrefetchHeld(slot)
	if from := m.HomeOf(slot); from == at {
		m.sums.trade(at, f, m.features.At(slot))
	} else {
		m.sums.trade(from, nil, m.features.At(slot))
		m.sums.trade(at, f, nil)
	}
	m.keep(slot, f)
	m.Overwrite(slot, ex, at)
}

// keep puts a copy of a feature in a slot: in the place of the one before, unless a state has that.
func (m *herding) keep(slot int, f []float32) {
	if m.own[slot] {
		copy(m.features.At(slot), f)
		return
	}
	m.features.Set(slot, slices.Clone(f))
	m.own[slot] = true
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
		m.sums.trade(from, nil, m.features.At(slot))
		m.sums.trade(to, m.features.At(slot), nil)
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
			m.own[slot] = true
		}
	}
	for i := range m.List {
		if mean := m.List[i].Mean; mean != nil {
			m.List[i].Mean = append(make([]float32, 0, width), mean[:min(width, len(mean))]...)[:width]
		}
	}
	m.width = width
	m.SlotCost, m.GroupCost = store.MemberBytes+24+example.Block(4*width), store.GroupBytes+example.Block(4*width)+example.Block(8*width)
	m.target, m.fresh = make([]float64, width), make([]float32, width)
	m.sums = newFeatureSums(m.vectors, width)
	for slot := range m.features.Len() {
		m.sums.trade(m.HomeOf(slot), m.features.At(slot), nil)
	}
}

// propose lists the slots of the members of a group whose turn it is, Compare of them or all, and asks
// for their features. Each turn begins where the one before it ended, and there were as many searches as
// there are arrivals that are not held any more.
func (m *herding) propose(at int) {
	g := &m.List[at]
	n, searches := uint64(g.Members.N), g.Seen-uint64(g.Members.N)
	c, first := min(uint64(m.cfg.Compare), n), uint64(0)
	if c < n {
		first = searches / perTurn % n * c % n
	}
	m.candidates = m.candidates[:0]
	for member := first; len(m.candidates) < int(c); member++ {
		if member == n {
			member = 0
		}
		slot := g.Members.At(int(member))
		m.features.Ask(slot)
		m.candidates = append(m.candidates, slot)
	}
	for _, slot := range m.candidates {
		pixel.Prefetch(unsafe.SliceData(m.features.At(slot)), m.width)
	}
}

// best returns the one of the members listed without which, and with f if there is one, the mean of
// a group's members is closest to the group's; of several the first. closer says that it is then
// closer than it was.
func (m *herding) best(at int, f []float32) (slot int, closer bool) {
	g := &m.List[at]
	left := float64(g.Members.N)
	if f == nil {
		f = m.sums.origin
		left--
	}
	before := m.vectors.Aim(m.target, m.sums.of(at), m.mean(g), f, left) // Σ φ_j + f - left μ
	least := math.Inf(1)
	for _, s := range m.candidates {
		if d := m.vectors.Distance(m.target, m.features.At(s)); d < least {
			slot, least = s, d
		}
	}
	return slot, least < before
}

// move follows a removal from the store.
func (m *herding) move(slot int) {
	last := m.features.Len() - 1
	if slot != last {
		m.features.Set(slot, m.features.At(last))
		m.own[slot] = m.own[last]
	}
	m.features.Pop()
	m.own = m.own[:last]
}

func (m *herding) drop(slot int) {
	m.sums.trade(m.HomeOf(slot), nil, m.features.At(slot))
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
	clear(m.own)
	return s
}

// Restore implements Memory. The error is ErrState.
func (m *herding) Restore(s State) error {
	fresh, err := m.restored(s)
	if err != nil {
		return err
	}
	m.groups = fresh
	m.features, m.width, m.sums = s.held.Features.Thaw(m.features.Page()), 0, newFeatureSums(m.vectors, 0)
	m.own = make([]bool, m.features.Len())
	if s.held.Width > 0 {
		m.resize(s.held.Width)
	}
	return nil
}
