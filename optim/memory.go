package optim

import (
	"fmt"

	"github.com/perennial-ml/perennial/models"
)

// stage is the arithmetic of one of this package's Transforms. It proposes: it computes
// the step and its own next state from the current one, and leaves it to the Pipeline
// whether that next state becomes the current one.
type stage interface {
	// propose overwrites grad, and writes what changes of the state to the next
	// side of its memory.
	propose(grad, params models.Params)
	memory() *memory
}

// memory is the state of a stage, in a fixed order.
type memory struct {
	slots    []*slot
	counters []*counter
}

// A slot is one tensor of state for each parameter, in two copies.
type slot struct {
	name      string
	cur, next models.Params
	moved     bool // next holds a proposal
}

type counter struct {
	name      string
	cur, next uint64
}

func newSlot(name string, params models.Params) *slot {
	return &slot{name: name, cur: params.Zeros(), next: params.Zeros()}
}

// write marks the next copy as proposed and returns both.
func (s *slot) write() (cur, next models.Params) {
	s.moved = true
	return s.cur, s.next
}

func (m *memory) begin() {
	for _, s := range m.slots {
		s.moved = false
	}
	for _, c := range m.counters {
		c.next = c.cur
	}
}

// check returns ErrNonFinite unless what is proposed is finite.
func (m *memory) check() error {
	for _, s := range m.slots {
		if s.moved {
			if err := check("state", s.next); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) commit() {
	for _, s := range m.slots {
		if s.moved {
			s.cur, s.next = s.next, s.cur
			s.moved = false
		}
	}
	for _, c := range m.counters {
		c.cur = c.next
	}
}

func (m *memory) state() State {
	var out State
	for _, s := range m.slots {
		for _, t := range s.cur.Clone() {
			t.Name = s.name + "/" + t.Name
			out.Tensors = append(out.Tensors, t)
		}
	}
	for _, c := range m.counters {
		out.Counters = append(out.Counters, Counter{Name: c.name, Value: c.cur})
	}
	return out
}

// fits returns ErrState unless st has the names and shapes of this memory and finite
// values.
func (m *memory) fits(st State) error {
	own := m.state()
	if err := own.Tensors.Fits(st.Tensors); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if len(own.Counters) != len(st.Counters) {
		return fmt.Errorf("%w: %d counters, must be %d", ErrState, len(st.Counters), len(own.Counters))
	}
	for i, c := range own.Counters {
		if st.Counters[i].Name != c.Name {
			return fmt.Errorf("%w: counter %d is %q, must be %q", ErrState, i, st.Counters[i].Name, c.Name)
		}
	}
	if err := check("state", st.Tensors); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

// restore copies a state that fits.
func (m *memory) restore(st State) {
	i := 0
	for _, s := range m.slots {
		for _, t := range s.cur {
			copy(t.Data, st.Tensors[i].Data)
			i++
		}
	}
	for i, c := range m.counters {
		c.cur = st.Counters[i].Value
	}
}
