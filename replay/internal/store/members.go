package store

// Members are the slots of a group, from the first to the last. Each holds a ticket, which
// is one more than that of the one before it; so the first can leave, and another come last,
// without any other being told.
type Members struct {
	slots []int32 // a power of two of places: that of a ticket is the ticket modulo their number
	First uint32  // ticket of the first
	N     int
}

// A Seat says which group a slot belongs to, and its ticket there.
type Seat struct{ Home, Ticket uint32 }

// NewMembers returns members whose slots are told by Of.
func NewMembers(first uint32, n int) Members {
	size := 1
	for size < n {
		size *= 2
	}
	return Members{slots: make([]int32, size), First: first, N: n}
}

// Of returns the place of a ticket.
func (m *Members) Of(ticket uint32) *int32 { return &m.slots[ticket&uint32(len(m.slots)-1)] }

// At returns the slot of the i-th member.
func (m *Members) At(i int) int { return int(*m.Of(m.First + uint32(i))) }

// Forget leaves the tickets alone.
func (m *Members) Forget() { m.slots = nil }

// Known reports whether the slots are known.
func (m *Members) Known() bool { return m.slots != nil }

// push makes a slot the last, and returns its ticket.
func (m *Members) push(slot int) uint32 {
	if m.N == len(m.slots) {
		more := NewMembers(m.First, m.N+1)
		for i := range m.N {
			*more.Of(m.First + uint32(i)) = int32(m.At(i))
		}
		m.slots = more.slots
	}
	ticket := m.First + uint32(m.N)
	*m.Of(ticket) = int32(slot)
	m.N++
	return ticket
}

// unseat takes the member with a ticket out of its group; the last one takes its place.
func (g *Groups) unseat(m *Members, left Seat) {
	last := m.First + uint32(m.N) - 1
	g.reseat(m, int(*m.Of(last)), left, last)
	m.N--
}

// unseatInOrder is unseat, but those before the member, or those after it, close ranks.
func (g *Groups) unseatInOrder(m *Members, left Seat) {
	last := m.First + uint32(m.N) - 1
	if left.Ticket-m.First <= last-left.Ticket {
		for t := left.Ticket; t != m.First; t-- {
			g.reseat(m, int(*m.Of(t - 1)), Seat{left.Home, t}, t-1)
		}
		m.First++
	} else {
		for t := left.Ticket; t != last; t++ {
			g.reseat(m, int(*m.Of(t + 1)), Seat{left.Home, t}, t+1)
		}
	}
	m.N--
}

// reseat gives a member another ticket than it has.
func (g *Groups) reseat(m *Members, slot int, to Seat, from uint32) {
	if to.Ticket != from {
		*m.Of(to.Ticket) = int32(slot)
		g.Seats.Set(slot, to)
	}
}
