package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/store"
)

// ringBuffer is a ring for each class or segment: the latest examples of it, up to an equal
// share of the capacity (Chaudhry et al. 2019, where the number of classes is known
// beforehand). Here a share is capacity/groups, rounded up, of the groups so far. While
// there is room everything is kept. Then an arrival of a group below its share takes the
// place of the oldest example of the largest group, and any other that of the oldest of its
// own. It decides nothing by chance.
type ringBuffer struct{ groups }

func newRingBuffer(cfg Config) *ringBuffer {
	by := store.ClassOf
	if cfg.By == BySegment {
		by = store.SegmentOf
	}
	m := &ringBuffer{newGroups(cfg, by)}
	m.Aged = true
	return m
}

func (m *ringBuffer) Add(ex *Example, _ *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	at := m.Arrive(ex)
	gr := &m.List[at]
	largest, gives := m.Giver(gr.Members.N)
	switch {
	case m.Room(ex):
		m.Insert(ex, at)
	case gives:
		m.Overwrite(m.List[largest].Members.At(0), ex, at)
	case gr.Members.N > 0:
		slot := gr.Members.At(0)
		m.Put(slot, ex)
		m.Part(slot)
		m.Join(slot, at)
		m.PrefetchOldest(&gr.Members)
	}
	for m.Exceeds(m.Bytes()) && m.Items.Len() > 0 {
		m.Evict(m.List[m.Largest()].Members.At(0))
	}
}
