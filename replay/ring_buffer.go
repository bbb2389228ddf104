package replay

import "math/rand/v2"

// ringBuffer is a ring for each class or segment: the latest examples of it, up to an equal
// share of the capacity (Chaudhry et al. 2019, where the number of classes is known
// beforehand). Here a share is capacity/groups, rounded up, of the groups so far. While
// there is room everything is kept. Then an arrival of a group below its share takes the
// place of the oldest example of the largest group, and any other that of the oldest of its
// own. It decides nothing by chance.
type ringBuffer struct{ groups }

func newRingBuffer(cfg Config) *ringBuffer {
	by := classOf
	if cfg.By == BySegment {
		by = segmentOf
	}
	m := &ringBuffer{newGroups(cfg, by)}
	m.aged = true
	return m
}

func (m *ringBuffer) keepsAll() {}

func (m *ringBuffer) Add(ex *Example, _ *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	at := m.arrive(ex)
	gr := &m.list[at]
	switch largest := m.largest(); {
	case m.room(ex):
		m.insert(ex, at)
	case m.items.Len() > 0 && m.wants(gr.members.n, largest):
		m.overwrite(m.list[largest].members.at(0), ex, at)
	case gr.members.n > 0:
		slot := gr.members.at(0)
		m.put(slot, ex)
		m.part(slot)
		m.join(slot, at)
		m.prefetchSlot(gr.members.at(0))
	}
	for m.cfg.exceeds(m.Bytes()) && m.items.Len() > 0 {
		m.evict(m.list[m.largest()].members.at(0))
	}
}
