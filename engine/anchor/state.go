package anchor

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// PartBefore names the weights as the phase in progress began, where anchors are kept.
const PartBefore = "before"

// A State is what a set holds beside its parts.
type State struct {
	Since   uint64          `cbor:"since"`
	Held    uint64          `cbor:"held"`
	Scores  []phaseState    `cbor:"scores"` // of the phases that ended
	Open    *float64        `cbor:"open,omitempty"`
	Burst   int             `cbor:"burst,omitempty"`
	Looks   uint64          `cbor:"looks,omitempty"`
	Anytime *continual.Mean `cbor:"anytime,omitempty"`
	Before  bool            `cbor:"before,omitempty"` // whether there is such a part
}

// A phaseState is what was measured of a phase that ended. Worst, First and Before are absent
// if they were not.
type phaseState struct {
	Ended   uint64   `cbor:"ended"`
	AtEnd   float64  `cbor:"at_end"`
	Best    float64  `cbor:"best"`
	Worst   *float64 `cbor:"worst,omitempty"`
	Current float64  `cbor:"current"`
	First   *float64 `cbor:"first,omitempty"`
	Before  *float64 `cbor:"before,omitempty"`
}

// partOf names the part of phase i, the open one being the last.
func partOf(i int) string { return fmt.Sprintf("anchors-%03d", i) }

// State returns the set's state; nil without anchors.
func (s *Set) State() *State {
	if s == nil {
		return nil
	}
	st := &State{
		Since: s.since, Held: s.held, Open: measured(s.open.task.Current), Burst: s.burst, Looks: s.looks, Before: s.before != nil,
	}
	if s.looks > 0 {
		anytime := s.anytime
		st.Anytime = &anytime
	}
	for _, p := range s.closed {
		t := p.task
		st.Scores = append(st.Scores, phaseState{
			Ended: p.ended, AtEnd: t.Learned, Best: t.Best, Worst: measured(t.Worst), Current: t.Current,
			First: measured(t.First), Before: measured(t.Before),
		})
	}
	return st
}

// Parts returns the examples, and the weights as the phase in progress began, in a fixed
// order.
func (s *Set) Parts() (parts []part.Part) {
	i := 0
	s.each(func(m replay.Memory) {
		parts = append(parts, part.Memory(partOf(i), m)...)
		i++
	})
	if s != nil && s.before != nil {
		parts = append(parts, part.Tensors(PartBefore, s.before)...)
	}
	return parts
}

// Restore gives a new set what State and Parts returned. Example and weights report what
// does not fit the model. After an error the set is of no use.
func (s *Set) Restore(st *State, read part.Reader, example func(*replay.Example) error, weights func(*models.Frozen) error) error {
	if s == nil || st == nil {
		return nil
	}
	if err := st.check(s.cfg); err != nil {
		return fmt.Errorf("restore anchors: %w", err)
	}
	for i, d := range st.Scores {
		p, err := s.restorePhase(i, read, example)
		if err != nil {
			return err
		}
		p.ended = d.Ended
		p.task = continual.Task{
			First: orNaN(d.First), Before: orNaN(d.Before), Learned: d.AtEnd, Best: d.Best, Worst: orNaN(d.Worst), Current: d.Current,
		}
		s.closed = append(s.closed, p)
	}
	var err error
	if s.open, err = s.restorePhase(len(st.Scores), read, example); err != nil {
		return err
	}
	s.open.task.Current = orNaN(st.Open)
	s.since, s.held, s.burst, s.looks = st.Since, st.Held, st.Burst, st.Looks
	if st.Anytime != nil {
		s.anytime = *st.Anytime
	}
	if !st.Before {
		return nil
	}
	s.before, err = read.Tensors(PartBefore)
	if err == nil {
		err = weights(s.before)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", PartBefore, err)
	}
	return nil
}

func (s *Set) restorePhase(i int, read part.Reader, example func(*replay.Example) error) (phase, error) {
	p, err := s.newPhase()
	if err != nil {
		return p, err
	}
	return p, read.Memory(partOf(i), p.examples, example)
}

// check holds what was read back to its bounds.
func (st *State) check(c Config) error {
	if len(st.Scores) > c.Phases {
		return fmt.Errorf("%d phases, configured are at most %d", len(st.Scores), c.Phases)
	}
	if st.Burst < 0 || st.Burst > max(c.Burst.Looks, 0) {
		return fmt.Errorf("%d looks are left of a burst, configured are %d", st.Burst, c.Burst.Looks)
	}
	if m := st.Anytime; m != nil && !(m.Sum >= 0 && m.Sum <= m.Weight && m.Weight < math.MaxFloat64) {
		return fmt.Errorf("anytime accuracy is %v over %v, must be in [0, 1]", m.Sum, m.Weight)
	}
	list := []*float64{st.Open}
	for _, s := range st.Scores {
		list = append(list, &s.AtEnd, &s.Best, s.Worst, &s.Current, s.First, s.Before)
	}
	for _, v := range list {
		if v != nil && !(*v >= 0 && *v <= 1) {
			return fmt.Errorf("an accuracy is %v, must be in [0, 1]", *v)
		}
	}
	return nil
}

// orNaN undoes measured.
func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
