package store

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// Groups is a store whose examples belong to groups, each group's members in a list of
// its own, so that a random member is found in constant time. Groups stand in the
// order of their first arrival and never go away; after the first MaxGroups, all new
// keys share one more.
type Groups struct {
	Store
	sample.Drawer
	keyOf func(*Example) Key
	List  []Group
	byKey directory
	Seats column.Column[Seat] // by slot
	// Aged says that members stand in the order of their age.
	Aged bool
	// SlotCost and GroupCost are bytes: for each slot beside the store's, and for
	// each group.
	SlotCost, GroupCost int
	shares              []share
}

// NewGroups returns no groups yet, in a store that is new.
func NewGroups(s Store, keyOf func(*Example) Key) Groups {
	return Groups{
		Store: s, keyOf: keyOf, byKey: directory{all: map[Key]int{}}, Seats: column.New[Seat](column.PairPages * s.Items.Page()),
		SlotCost: MemberBytes, GroupCost: GroupBytes,
	}
}

// groupOf returns the group of an example, which it founds if need be.
func (g *Groups) groupOf(ex *Example) int {
	key := g.keyOf(ex)
	if at, ok := g.byKey.find(key); ok {
		return at
	}
	if len(g.List) > g.MaxGroups {
		return g.MaxGroups // the shared one
	}
	if len(g.List) == g.MaxGroups {
		g.List = append(g.List, Group{Shared: true})
		return g.MaxGroups
	}
	g.byKey.add(key, len(g.List))
	g.List = append(g.List, Group{Key: key})
	return len(g.List) - 1
}

// Insert pushes an example as a member of a group.
func (g *Groups) Insert(ex *Example, at int) {
	slot := g.Items.Len()
	g.Push(ex)
	g.Seats.Push(Seat{})
	g.Join(slot, at)
}

// Overwrite puts an example in a slot, as a member of a group.
func (g *Groups) Overwrite(slot int, ex *Example, at int) {
	g.Put(slot, ex)
	if g.HomeOf(slot) != at {
		g.Part(slot)
		g.Join(slot, at)
	}
}

// Drop removes a slot as if its example had not arrived.
func (g *Groups) Drop(slot int) {
	g.withdraw(slot)
	g.vacate(slot)
}

// Evict removes a slot, whose example did arrive.
func (g *Groups) Evict(slot int) {
	gr := &g.List[g.HomeOf(slot)]
	g.Part(slot)
	if gr.Members.N == 0 {
		gr.Full = false
	}
	g.vacate(slot)
}

// vacate removes a slot that has left its group.
func (g *Groups) vacate(slot int) {
	if last := g.Items.Len() - 1; slot != last {
		moved := g.Seats.At(last)
		g.Seats.Set(slot, moved)
		*g.List[moved.Home].Members.Of(moved.Ticket) = int32(slot)
	}
	g.Seats.Pop()
	g.Delete(slot)
}

// withdraw takes a slot out of its group as if it had not arrived: with as many of the
// group's arrivals as each member stands for. With the last one, the group starts anew.
func (g *Groups) withdraw(slot int) {
	gr := &g.List[g.HomeOf(slot)]
	gr.Seen -= gr.Seen / uint64(gr.Members.N)
	g.Part(slot)
	if gr.Members.N == 0 {
		gr.Full = false
	}
}

// HomeOf returns the group of a slot.
func (g *Groups) HomeOf(slot int) int { return int(g.Seats.At(slot).Home) }

// Join makes a slot the last, or newest, member of a group.
func (g *Groups) Join(slot, at int) {
	g.Seats.Set(slot, Seat{uint32(at), g.List[at].Members.push(slot)})
}

// Part takes a slot out of its group; the group's last member takes its place, unless
// they are in order of age.
func (g *Groups) Part(slot int) {
	left := g.Seats.At(slot)
	m := &g.List[left.Home].Members
	if g.Aged {
		g.unseatInOrder(m, left)
	} else {
		g.unseat(m, left)
	}
}

// Largest returns the largest group; of several, the oldest.
func (g *Groups) Largest() int {
	best := 0
	for i := range g.List {
		if g.List[i].Members.N > g.List[best].Members.N {
			best = i
		}
	}
	return best
}

// Member returns a random member's slot.
func (g *Groups) Member(at int, r *rand.Rand) int {
	gr := &g.List[at]
	return gr.Members.At(r.IntN(gr.Members.N))
}

// Arrive counts an arrival and returns its group.
func (g *Groups) Arrive(ex *Example) int {
	at := g.groupOf(ex)
	g.List[at].Seen++
	return at
}

// Rehearse is algorithm R within a group that may not grow: the arrival takes the
// place of a random member with the probability members/arrivals.
func (g *Groups) Rehearse(ex *Example, at int, r *rand.Rand) {
	gr := &g.List[at]
	if n := gr.Members.N; n > 0 && r.Uint64N(gr.Seen) < uint64(n) {
		g.Overwrite(g.Member(at, r), ex, at)
	}
}

// Giver returns the largest group, if a group of that many members is below its share of a memory
// that is full, and the largest can give one up without falling behind it.
func (g *Groups) Giver(members int) (largest int, gives bool) {
	if share := (g.Items.Len() + len(g.List) - 1) / len(g.List); members >= share {
		return 0, false
	}
	largest = g.Largest()
	return largest, g.List[largest].Members.N > members+1
}

// Replace puts an example in the place of that of the same id, and reports whether there was
// one. It is no arrival, unless in another group.
func (g *Groups) Replace(ex *Example) bool {
	slot, ok := g.Find(ex.ID)
	if !ok {
		return false
	}
	if at := g.groupOf(ex); at != g.HomeOf(slot) {
		g.withdraw(slot)
		g.List[at].Seen++
		g.Join(slot, at)
	}
	g.Renew(slot, ex)
	return true
}

// Draw appends n examples to dst, or every one, without replacement.
func (g *Groups) Draw(dst []*Example, n int, r *rand.Rand) []*Example {
	return g.DrawFrom(&g.Drawer, dst, n, r)
}

// Remove drops the examples that match, and returns how many.
func (g *Groups) Remove(match func(*Example) bool) int {
	return g.Sweep(match, g.Drop)
}

// RemoveID drops the example with an id, and reports whether there was one.
func (g *Groups) RemoveID(id string) bool {
	slot, ok := g.Find(id)
	if ok {
		g.Drop(slot)
	}
	return ok
}

// Trim gives up random examples of the largest group until no bound is exceeded.
func (g *Groups) Trim(r *rand.Rand) {
	for g.Exceeds(g.Bytes()) && g.Items.Len() > 0 {
		g.Evict(g.Member(g.Largest(), r))
	}
}

// Load returns groups of the same making that hold what a state does: examples, the seats of
// their slots, and groups with their members, which become theirs. The error says what does
// not belong together; g stays as it is.
func (g *Groups) Load(items *column.Column[*Example], seats *column.Column[Seat], list []Group) (Groups, error) {
	fresh := NewGroups(g.Fresh(), g.keyOf)
	fresh.Aged, fresh.SlotCost, fresh.GroupCost = g.Aged, g.SlotCost, g.GroupCost
	fresh.Fill(items)
	fresh.List, fresh.Seats = list, seats.Thaw(g.Seats.Page())
	for at := range fresh.List {
		gr := &fresh.List[at]
		if gr.Shared != (at == g.MaxGroups) {
			return Groups{}, fmt.Errorf("it tells another number of groups apart, configured are %d", g.MaxGroups)
		}
		if !gr.Shared {
			fresh.byKey.add(gr.Key, at)
		}
		gr.Mean = slices.Clone(gr.Mean)
	}
	for slot := range fresh.Items.Len() {
		ex := fresh.Items.At(slot)
		if gr := &fresh.List[fresh.HomeOf(slot)]; !gr.Shared && g.keyOf(ex) != gr.Key {
			return Groups{}, fmt.Errorf("example %q is in a group that is not its own", ex.ID)
		}
	}
	fresh.Drawer, fresh.shares = g.Drawer, g.shares
	return fresh, nil
}
