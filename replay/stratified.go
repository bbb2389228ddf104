package replay

import "math/rand/v2"

// stratified gives every segment an equal share of the capacity. While there is room
// everything is kept, so that a segment may borrow what others do not use. Then an
// arrival of a segment below its share takes the place of a random example of the
// largest segment, and one of a segment at or above its share takes, by algorithm R,
// the place of one of its own. Shares shrink with each new segment, and the largest
// give first; the share of a segment is capacity/segments, rounded up.
//
// Room that removals leave is filled by the next arrivals, of whatever segment.
type stratified struct{ groups }

func newStratified(cfg Config) *stratified {
	return &stratified{newGroups(cfg, segmentOf)}
}

func (m *stratified) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.oversized(ex) {
		return
	}
	at := m.arrive(ex)
	switch largest := m.largest(); {
	case m.room(ex):
		m.insert(ex, at)
	case m.wants(m.list[at].members.n, largest):
		m.overwrite(m.member(largest, r), ex, at)
	default:
		m.rehearse(ex, at, r)
	}
	m.trim(r)
}
