package engine

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/replay"
)

// PartBefore names the weights as the phase in progress began, where anchors are kept.
const PartBefore = "before"

// anchorsDoc is the part of the engine's document that is about anchors.
type anchorsDoc struct {
	Since   uint64          `cbor:"since"`
	Held    uint64          `cbor:"held"`
	Scores  []phaseDoc      `cbor:"scores"` // of the phases that ended
	Open    *float64        `cbor:"open,omitempty"`
	Burst   int             `cbor:"burst,omitempty"`
	Looks   uint64          `cbor:"looks,omitempty"`
	Anytime *continual.Mean `cbor:"anytime,omitempty"`
	Before  bool            `cbor:"before,omitempty"` // whether there is such a part
}

// phaseDoc is what was measured of a phase that ended. Worst, First and Before are absent
// if they were not.
type phaseDoc struct {
	Ended   uint64   `cbor:"ended"`
	AtEnd   float64  `cbor:"at_end"`
	Best    float64  `cbor:"best"`
	Worst   *float64 `cbor:"worst,omitempty"`
	Current float64  `cbor:"current"`
	First   *float64 `cbor:"first,omitempty"`
	Before  *float64 `cbor:"before,omitempty"`
}

// anchorsPart names the part of phase i, the open one being the last.
func anchorsPart(i int) string { return fmt.Sprintf("anchors-%03d", i) }

func (a *anchors) document() *anchorsDoc {
	if a == nil {
		return nil
	}
	doc := &anchorsDoc{
		Since: a.since, Held: a.held, Open: measured(a.open.task.Current), Burst: a.burst, Looks: a.looks, Before: a.before != nil,
	}
	if a.looks > 0 {
		anytime := a.anytime
		doc.Anytime = &anytime
	}
	for _, p := range a.closed {
		t := p.task
		doc.Scores = append(doc.Scores, phaseDoc{
			Ended: p.ended, AtEnd: t.Learned, Best: t.Best, Worst: measured(t.Worst), Current: t.Current,
			First: measured(t.First), Before: measured(t.Before),
		})
	}
	return doc
}

func (a *anchors) parts() (parts []part.Part) {
	i := 0
	a.each(func(m replay.Memory) {
		parts = append(parts, part.Memory(anchorsPart(i), m)...)
		i++
	})
	if a != nil && a.before != nil {
		parts = append(parts, part.Tensors(PartBefore, a.before)...)
	}
	return parts
}

func (e *Engine) restoreAnchors(doc *anchorsDoc, read part.Reader) error {
	a := e.anchors
	if a == nil || doc == nil {
		return nil
	}
	if err := doc.check(a.cfg); err != nil {
		return fmt.Errorf("decode %s: anchors: %w", PartEngine, err)
	}
	for i, d := range doc.Scores {
		p, err := e.restorePhase(read, i)
		if err != nil {
			return err
		}
		p.ended = d.Ended
		p.task = continual.Task{
			First: orNaN(d.First), Before: orNaN(d.Before), Learned: d.AtEnd, Best: d.Best, Worst: orNaN(d.Worst), Current: d.Current,
		}
		a.closed = append(a.closed, p)
	}
	var err error
	if a.open, err = e.restorePhase(read, len(doc.Scores)); err != nil {
		return err
	}
	a.open.task.Current = orNaN(doc.Open)
	a.since, a.held, a.burst, a.looks = doc.Since, doc.Held, doc.Burst, doc.Looks
	if doc.Anytime != nil {
		a.anytime = *doc.Anytime
	}
	if doc.Before {
		before, err := e.readRelease(read, PartBefore, 0)
		if err != nil {
			return err
		}
		a.before = before.weights
	}
	return nil
}

func (e *Engine) restorePhase(read part.Reader, i int) (phase, error) {
	p, err := e.anchors.newPhase()
	if err != nil {
		return p, err
	}
	return p, read.Memory(anchorsPart(i), p.examples, func(ex *replay.Example) error { return batch.Check(ex, e.spec) })
}

// check holds what was read back to its bounds.
func (d *anchorsDoc) check(c Anchors) error {
	if len(d.Scores) > c.Phases {
		return fmt.Errorf("%d phases, configured are at most %d", len(d.Scores), c.Phases)
	}
	if d.Burst < 0 || d.Burst > max(c.Burst.Looks, 0) {
		return fmt.Errorf("%d looks are left of a burst, configured are %d", d.Burst, c.Burst.Looks)
	}
	if m := d.Anytime; m != nil && !(m.Sum >= 0 && m.Sum <= m.Weight && m.Weight < math.MaxFloat64) {
		return fmt.Errorf("anytime accuracy is %v over %v, must be in [0, 1]", m.Sum, m.Weight)
	}
	list := []*float64{d.Open}
	for _, s := range d.Scores {
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
