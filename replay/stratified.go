package replay

import (
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/store"
)

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
	return &stratified{newGroups(cfg, store.SegmentOf)}
}

func (m *stratified) Add(ex *Example, r *rand.Rand) {
	if m.Replace(ex) || m.Oversized(ex) {
		return
	}
	at := m.Arrive(ex)
	largest, gives := m.Giver(m.List[at].Members.N)
	switch {
	case m.Room(ex):
		m.Insert(ex, at)
	case gives:
		m.Overwrite(m.Member(largest, r), ex, at)
	default:
		m.Rehearse(ex, at, r)
	}
	m.Trim(r)
}
