package optim

import (
	"fmt"
	"slices"

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

// A slot is one tensor of state for each parameter. Of a dense one there are two copies. Of
// a sparse one there is one, and next holds the rows of a gradient: what they are to be.
type slot struct {
	name      string
	cur, next models.Params
	old       []picked // by tensor: what the rows are, of a sparse one
	moved     bool     // next holds a proposal

	// With a twin, cur has no Data for the tables that they share, see there.
	twin *twin
	side int // 0 or 1: which of a pair is this slot's

	dirty  *models.Dirty
	frozen *models.Frozen // the last copy
}

type counter struct {
	name      string
	cur, next uint64
}

func newSlot(name string, params models.Params) *slot {
	s := emptySlot(name, params)
	s.cur = params.Zeros()
	return s
}

// emptySlot returns a slot without memory for its values.
func emptySlot(name string, params models.Params) *slot {
	return &slot{
		name: name, cur: params.Outline(), next: params.ZeroGrads(), old: make([]picked, len(params)),
		dirty: models.NewDirty(params),
	}
}

// pair marks the next copy as proposed and returns both of tensor i, for a gradient of it:
// as long as that, of a sparse tensor the rows that it lists.
func (s *slot) pair(i int, grad *models.Param) (cur, next []float32) {
	s.moved = true
	n := &s.next[i]
	if s.cur[i].Sparse {
		n.Rows = grad.Rows
		n.Data = resize(n.Data, len(grad.Data))
	}
	return s.rows(i, grad), n.Data
}

// picked has room for the rows of a table that a gradient lists.
type picked struct{ data []float32 }

// of returns the values of t that a gradient of it is about, in the gradient's order: a
// copy if t is sparse.
func (r *picked) of(t, grad *models.Param) []float32 {
	if !t.Sparse {
		return t.Data
	}
	r.data = resize(r.data, len(grad.Data))
	w := t.Width()
	for k, row := range grad.Rows {
		copy(r.data[k*w:(k+1)*w], t.Data[int(row)*w:])
	}
	return r.data
}

// resize returns s with a length of n, and allocates only where it grows.
func resize(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, 2*n)
	}
	return s[:n]
}

// scatter writes rows, listed as in a gradient, to their places in a table.
func scatter(table, list *models.Param) {
	w := table.Width()
	for k, row := range list.Rows {
		copy(table.Data[int(row)*w:][:w], list.Data[k*w:])
	}
}

// write marks the next copy as proposed and returns both, all tensors of which are dense.
func (s *slot) write() (cur, next models.Params) {
	s.moved = true
	return s.cur, s.next
}

// tensors lists the state where it lies: by slot, and tables that twins share with the first.
func (m *memory) tensors() []models.Params {
	var out []models.Params
	for _, s := range m.slots {
		cur := slices.Clone(s.cur)
		for i := range cur {
			if s.beside(i) != nil && s.side == 0 {
				cur[i] = s.twin.tables[i]
			}
		}
		out = append(out, cur)
	}
	return out
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
			s.commit()
		}
	}
	for _, c := range m.counters {
		c.cur = c.next
	}
}

func (s *slot) commit() {
	s.moved = false
	s.dirty.MarkStep(s.next)
	for i := range s.cur {
		cur, next := &s.cur[i], &s.next[i]
		if cur.Sparse {
			s.scatter(i, next)
		} else {
			cur.Data, next.Data = next.Data, cur.Data
		}
	}
}

// touch marks what a step for grad has changed in place.
func (m *memory) touch(grad models.Params) {
	for i, s := range m.slots {
		if i == 0 || s.dirty != m.slots[i-1].dirty {
			s.dirty.MarkStep(grad)
		}
	}
}

// freeze returns a copy that shares what did not change since the last one.
func (m *memory) freeze() Frozen {
	var out Frozen
	for _, s := range m.slots {
		s.frozen = s.dirty.FreezeBy(s.cur, s.frozen, s.get)
		out.Tensors = models.Concat(out.Tensors, s.frozen.Rename(func(t string) string { return s.name + "/" + t }))
	}
	for _, c := range m.counters {
		out.Counters = append(out.Counters, Counter{Name: c.name, Value: c.cur})
	}
	return out
}

// state returns a copy.
func (m *memory) state() State {
	out := m.outline()
	for i := range out.Tensors {
		s := m.slots[i/len(m.slots[0].cur)]
		t := &out.Tensors[i]
		t.Data = make([]float32, t.Size())
		s.get(t.Data, i%len(s.cur), 0)
	}
	return out
}

// outline returns the state without values.
func (m *memory) outline() State {
	var out State
	for _, s := range m.slots {
		for _, t := range s.cur.Outline() {
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
	own := m.outline()
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
	at := 0
	for _, s := range m.slots {
		for i := range s.cur {
			s.put(i, st.Tensors[at].Data)
			at++
		}
		s.dirty.MarkAll()
	}
	for i, c := range m.counters {
		c.cur = st.Counters[i].Value
	}
}
