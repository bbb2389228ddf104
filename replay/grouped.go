package replay

import (
	"math"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// A groupKey tells groups apart: by segment, or by class, where a complementary label
// makes a class of its own and a soft binary target counts as class 1 from 0.5.
type groupKey struct {
	segment  string
	class    float32
	negative bool
}

func classOf(ex *Example) groupKey {
	class := math.Floor(float64(ex.Target) + 0.5)
	if class != class { // NaN equals nothing, not even as a key
		class = 0
	}
	return groupKey{class: float32(class), negative: ex.Negative}
}

func segmentOf(ex *Example) groupKey { return groupKey{segment: ex.Segment} }

// A group is the examples of one class or segment.
type group struct {
	key     groupKey
	seen    uint64 // arrivals that no removal cancels; at least the number of members
	full    bool   // class-balanced: it was the largest once
	shared  bool   // of all keys that came after the last place was taken
	members members
	// mean is the mean of the features of heard arrivals, as herding reckons it; nil
	// is all zeros.
	mean  []float32
	heard uint32
}

// groups is a store whose examples belong to groups, each group's members in a list of
// its own, so that a random member is found in constant time. Groups stand in the
// order of their first arrival and never go away; after the first maxGroups, all new
// keys share one more.
type groups struct {
	cfg   Config
	keyOf func(*Example) groupKey
	store
	sample.Drawer
	list  []group
	byKey map[groupKey]int
	seats column.Column[seat] // by slot
	// aged says that members stand in the order of their age.
	aged bool
	// slotCost and groupCost are bytes: for each slot beside the store's, and for
	// each group.
	slotCost, groupCost int
	shares              []share
}

func newGroups(cfg Config, keyOf func(*Example) groupKey) groups {
	return groups{
		cfg: cfg, keyOf: keyOf, store: newStore(cfg, cfg.page()), byKey: map[groupKey]int{},
		seats: column.New[seat](column.PairPages * cfg.page()), slotCost: memberBytes, groupCost: groupBytes,
	}
}

// groupOf returns the group of an example, which it founds if need be.
func (g *groups) groupOf(ex *Example) int {
	key := g.keyOf(ex)
	if at, ok := g.byKey[key]; ok {
		return at
	}
	if len(g.list) > g.cfg.MaxGroups {
		return g.cfg.MaxGroups // the shared one
	}
	if len(g.list) == g.cfg.MaxGroups {
		g.list = append(g.list, group{shared: true})
		return g.cfg.MaxGroups
	}
	g.byKey[key] = len(g.list)
	g.list = append(g.list, group{key: key})
	return len(g.list) - 1
}

// insert pushes an example as a member of a group.
func (g *groups) insert(ex *Example, at int) {
	slot := g.items.Len()
	g.push(ex)
	g.seats.Push(seat{})
	g.join(slot, at)
}

// overwrite puts an example in a slot, as a member of a group.
func (g *groups) overwrite(slot int, ex *Example, at int) {
	g.put(slot, ex)
	if g.home(slot) != at {
		g.part(slot)
		g.join(slot, at)
	}
}

// drop removes a slot as if its example had not arrived.
func (g *groups) drop(slot int) {
	g.withdraw(slot)
	g.vacate(slot)
}

// evict removes a slot, whose example did arrive.
func (g *groups) evict(slot int) {
	gr := &g.list[g.home(slot)]
	g.part(slot)
	if gr.members.n == 0 {
		gr.full = false
	}
	g.vacate(slot)
}

// vacate removes a slot that has left its group.
func (g *groups) vacate(slot int) {
	if last := g.items.Len() - 1; slot != last {
		moved := g.seats.At(last)
		g.seats.Set(slot, moved)
		*g.list[moved.home].members.of(moved.ticket) = int32(slot)
	}
	g.seats.Pop()
	g.remove(slot)
}

// withdraw takes a slot out of its group as if it had not arrived: with as many of the
// group's arrivals as each member stands for. With the last one, the group starts anew.
func (g *groups) withdraw(slot int) {
	gr := &g.list[g.home(slot)]
	gr.seen -= gr.seen / uint64(gr.members.n)
	g.part(slot)
	if gr.members.n == 0 {
		gr.full = false
	}
}

// home returns the group of a slot.
func (g *groups) home(slot int) int { return int(g.seats.At(slot).home) }

// join makes a slot the last, or newest, member of a group.
func (g *groups) join(slot, at int) {
	g.seats.Set(slot, seat{uint32(at), g.list[at].members.push(slot)})
}

// part takes a slot out of its group; the group's last member takes its place, unless
// they are in order of age.
func (g *groups) part(slot int) {
	left := g.seats.At(slot)
	m := &g.list[left.home].members
	if g.aged {
		g.unseatInOrder(m, left)
	} else {
		g.unseat(m, left)
	}
}

// largest returns the largest group; of several, the oldest.
func (g *groups) largest() int {
	best := 0
	for i := range g.list {
		if g.list[i].members.n > g.list[best].members.n {
			best = i
		}
	}
	return best
}

// member returns a random member's slot.
func (g *groups) member(at int, r *rand.Rand) int {
	gr := &g.list[at]
	return gr.members.at(r.IntN(gr.members.n))
}

// arrive counts an arrival and returns its group.
func (g *groups) arrive(ex *Example) int {
	at := g.groupOf(ex)
	g.list[at].seen++
	return at
}

// rehearse is algorithm R within a group that may not grow: the arrival takes the
// place of a random member with the probability members/arrivals.
func (g *groups) rehearse(ex *Example, at int, r *rand.Rand) {
	gr := &g.list[at]
	if n := gr.members.n; n > 0 && r.Uint64N(gr.seen) < uint64(n) {
		g.overwrite(g.member(at, r), ex, at)
	}
}

// wants reports whether a group of that many members is below its share of a memory that
// is full, and the largest can give one up without falling behind it.
func (g *groups) wants(members, largest int) bool {
	share := (g.items.Len() + len(g.list) - 1) / len(g.list)
	return members < share && g.list[largest].members.n > members+1
}

func (g *groups) Replace(ex *Example) bool {
	slot, ok := g.find(ex.ID)
	if !ok {
		return false
	}
	if at := g.groupOf(ex); at != g.home(slot) {
		g.withdraw(slot)
		g.list[at].seen++
		g.join(slot, at)
	}
	g.renew(slot, ex)
	return true
}

func (g *groups) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	return g.drawFrom(&g.Drawer, dst, n, r)
}

func (g *groups) Remove(match func(*Example) bool) int {
	return sweep(&g.store, match, g.drop)
}

func (g *groups) RemoveID(id string) bool {
	slot, ok := g.find(id)
	if ok {
		g.drop(slot)
	}
	return ok
}
