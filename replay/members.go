package replay

// members are the slots of a group, from the first to the last. Each holds a ticket, which
// is one more than that of the one before it; so the first can leave, and another come last,
// without any other being told.
type members struct {
	slots []int32 // a power of two of places: that of a ticket is the ticket modulo their number
	first uint32  // ticket of the first
	n     int
}

// A seat says which group a slot belongs to, and its ticket there.
type seat struct{ home, ticket uint32 }

// newMembers returns members of which only the tickets are known.
func newMembers(first uint32, n int) members {
	size := 1
	for size < n {
		size *= 2
	}
	return members{slots: make([]int32, size), first: first, n: n}
}

// of returns the place of a ticket.
func (m *members) of(ticket uint32) *int32 { return &m.slots[ticket&uint32(len(m.slots)-1)] }

// at returns the slot of the i-th member.
func (m *members) at(i int) int { return int(*m.of(m.first + uint32(i))) }

// push makes a slot the last, and returns its ticket.
func (m *members) push(slot int) uint32 {
	if m.n == len(m.slots) {
		more := newMembers(m.first, m.n+1)
		for i := range m.n {
			*more.of(m.first + uint32(i)) = int32(m.at(i))
		}
		m.slots = more.slots
	}
	ticket := m.first + uint32(m.n)
	*m.of(ticket) = int32(slot)
	m.n++
	return ticket
}

// unseat takes the member with a ticket out of its group; the last one takes its place.
func (g *groups) unseat(m *members, left seat) {
	last := m.first + uint32(m.n) - 1
	g.reseat(m, int(*m.of(last)), left, last)
	m.n--
}

// unseatInOrder is unseat, but those before the member, or those after it, close ranks.
func (g *groups) unseatInOrder(m *members, left seat) {
	last := m.first + uint32(m.n) - 1
	if left.ticket-m.first <= last-left.ticket {
		for t := left.ticket; t != m.first; t-- {
			g.reseat(m, int(*m.of(t - 1)), seat{left.home, t}, t-1)
		}
		m.first++
	} else {
		for t := left.ticket; t != last; t++ {
			g.reseat(m, int(*m.of(t + 1)), seat{left.home, t}, t+1)
		}
	}
	m.n--
}

// reseat gives a member another ticket than it has.
func (g *groups) reseat(m *members, slot int, to seat, from uint32) {
	if to.ticket != from {
		*m.of(to.ticket) = int32(slot)
		g.seats.Set(slot, to)
	}
}
