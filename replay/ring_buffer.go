package replay

import (
	"math/rand/v2"
	"slices"
)

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

func (m *ringBuffer) Add(ex *Example, _ *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	at := m.arrive(ex)
	gr := &m.list[at]
	switch largest := m.largest(); {
	case m.room(ex):
		m.insert(ex, at)
	case len(m.items) > 0 && m.wants(len(gr.members), largest):
		m.overwrite(m.list[largest].at(0), ex, at)
	case len(gr.members) > 0:
		m.put(gr.at(0), ex)
		gr.first = (gr.first + 1) % len(gr.members)
	}
	for m.cfg.exceeds(m.Bytes()) && len(m.items) > 0 {
		m.evict(m.list[m.largest()].at(0))
	}
}

// straighten has the oldest member of a group stand first.
func (g *groups) straighten(gr *group) {
	if gr.first == 0 {
		return
	}
	slices.Reverse(gr.members[:gr.first])
	slices.Reverse(gr.members[gr.first:])
	slices.Reverse(gr.members)
	gr.first = 0
	for i, slot := range gr.members {
		g.place[slot] = i
	}
}
