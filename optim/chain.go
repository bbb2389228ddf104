package optim

import (
	"fmt"
	"strings"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
)

// A Pipeline applies Transforms one after the other. Their states move together or not
// at all.
type Pipeline struct {
	shape models.Params // names and shapes that Update insists on
	links []link

	kernels  compute.Arithmetic
	updater  *compute.Updater
	hyper    compute.Hyper // of the step in progress
	share    share         // of a product, in Learn
	parts    *fusion
	apart    bool          // there are no parts
	learner  *models.Model // that Learn was called for last
	fitted   *models.Param // the first of the parameters that Learn found to fit last
	surveyed bool          // the state was found tame, and has only made fused steps since
}

// A link is one Transform of a Pipeline: one of this package's, which proposes, or one
// from outside, which is taken back through its State.
type link struct {
	name    string
	own     stage
	foreign Transform
	before  State // of foreign, during an Update
}

// Chain composes Transforms, the first of which sees the gradient first. The Pipelines
// among them are taken apart: the result shares their state, and they are not used by
// themselves any more. A Transform from outside this package costs a copy of its state
// on each Update, so that it can be taken back if a later one fails.
func Chain(params models.Params, transforms ...Transform) *Pipeline {
	p := newPipeline(params)
	for _, t := range transforms {
		if inner, ok := t.(*Pipeline); ok {
			p.links = append(p.links, inner.links...)
			continue
		}
		p.links = append(p.links, link{name: "transform", foreign: t})
	}
	return p
}

func newPipeline(params models.Params) *Pipeline {
	k := compute.Best()
	return &Pipeline{shape: params.Outline(), kernels: k, updater: k.NewUpdater(), share: share{kernels: k}}
}

// Use computes by the kernels of s from now on, by the best that there are until then. No
// bit depends on it. The error says what this machine has.
func (p *Pipeline) Use(s compute.Settings) error {
	k, err := s.Arithmetic()
	if err != nil {
		return err
	}
	p.kernels, p.updater = k, k.NewUpdater()
	p.share = share{kernels: k}
	for _, l := range p.links {
		if c, ok := l.own.(*clip); ok {
			c.kernels = k
		}
	}
	return nil
}

func single(name string, s stage, params models.Params) *Pipeline {
	p := newPipeline(params)
	p.links = []link{{name: name, own: s}}
	return p
}

// Update implements Transform.
func (p *Pipeline) Update(grad, params models.Params) error {
	if err := p.shape.FitsGrads(grad); err != nil {
		return fmt.Errorf("gradient: %w", err)
	}
	if err := p.shape.Fits(params); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	if err := check("gradient", grad); err != nil {
		return err
	}
	p.surveyed = false
	done, err := p.propose(0, len(p.links), grad, params)
	if err == nil {
		err = checkStep(grad, params)
	}
	if err != nil {
		return p.takeBack(done, err)
	}
	p.commit()
	return nil
}

// commit makes what the links proposed their state.
func (p *Pipeline) commit() {
	for i := range p.links {
		if l := &p.links[i]; l.own != nil {
			l.own.memory().commit()
		} else {
			l.before = State{}
		}
	}
}

// propose runs the links in [from, to) and returns how far it came.
func (p *Pipeline) propose(from, to int, grad, params models.Params) (int, error) {
	for i := from; i < to; i++ {
		l := &p.links[i]
		if l.own == nil {
			l.before = l.foreign.State()
			if err := l.foreign.Update(grad, params); err != nil {
				return i, err
			}
			continue
		}
		m := l.own.memory()
		m.begin()
		l.own.propose(grad, params)
		if err := m.check(); err != nil {
			return i, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return to, nil
}

// takeBack undoes the first n links after an error.
func (p *Pipeline) takeBack(n int, cause error) error {
	for i := range p.links[:n] {
		if l := &p.links[i]; l.own == nil {
			if err := l.foreign.Restore(l.before); err != nil {
				return fmt.Errorf("take back %s after %w: %w", l.name, cause, err)
			}
		}
	}
	return cause
}

// State implements Transform. The tensors of the i-th link are named "i.kind/...".
func (p *Pipeline) State() State {
	var out State
	for i, l := range p.links {
		st := l.state()
		for _, t := range st.Tensors {
			t.Name = l.prefix(i) + t.Name
			out.Tensors = append(out.Tensors, t)
		}
		for _, c := range st.Counters {
			c.Name = l.prefix(i) + c.Name
			out.Counters = append(out.Counters, c)
		}
	}
	return out
}

// Freeze returns what State does, in time proportional to what changed since the last
// call of it; of Transforms from outside this package all is copied.
func (p *Pipeline) Freeze() Frozen {
	var out Frozen
	for i := range p.links {
		l := &p.links[i]
		var f Frozen
		if l.own != nil {
			f = l.own.memory().freeze()
		} else {
			st := l.foreign.State()
			f = Frozen{Tensors: st.Tensors.Freeze(), Counters: st.Counters}
		}
		if f.Tensors != nil {
			out.Tensors = models.Concat(out.Tensors, f.Tensors.Rename(func(t string) string { return l.prefix(i) + t }))
		}
		for _, c := range f.Counters {
			out.Counters = append(out.Counters, Counter{Name: l.prefix(i) + c.Name, Value: c.Value})
		}
	}
	if out.Tensors == nil {
		out.Tensors = models.Concat()
	}
	return out
}

func (l *link) prefix(i int) string { return fmt.Sprintf("%d.%s/", i, l.name) }

func (l *link) state() State {
	if l.own != nil {
		return l.own.memory().state()
	}
	return l.foreign.State()
}

// Restore implements Transform.
func (p *Pipeline) Restore(st State) error {
	p.surveyed = false
	parts := make([]State, len(p.links))
	for i := range p.links {
		l := &p.links[i]
		parts[i], st = split(st, l.prefix(i))
		if l.own != nil {
			if err := l.own.memory().fits(parts[i]); err != nil {
				return fmt.Errorf("restore %s: %w", l.name, err)
			}
		}
	}
	if len(st.Tensors) > 0 {
		return fmt.Errorf("%w: unexpected tensor %s", ErrState, st.Tensors[0].Name)
	}
	if len(st.Counters) > 0 {
		return fmt.Errorf("%w: unexpected counter %s", ErrState, st.Counters[0].Name)
	}
	for i := range p.links {
		l := &p.links[i]
		if l.own != nil {
			continue
		}
		l.before = l.foreign.State()
		if err := l.foreign.Restore(parts[i]); err != nil {
			return p.takeBack(i, fmt.Errorf("restore %s: %w", l.name, err))
		}
	}
	for i, l := range p.links {
		if l.own != nil {
			l.own.memory().restore(parts[i])
		}
	}
	return nil
}

// split cuts off the leading tensors and counters with a prefix, and cuts off that.
func split(st State, prefix string) (part, rest State) {
	rest = st
	for len(rest.Tensors) > 0 && strings.HasPrefix(rest.Tensors[0].Name, prefix) {
		t := rest.Tensors[0]
		t.Name = strings.TrimPrefix(t.Name, prefix)
		part.Tensors, rest.Tensors = append(part.Tensors, t), rest.Tensors[1:]
	}
	for len(rest.Counters) > 0 && strings.HasPrefix(rest.Counters[0].Name, prefix) {
		c := rest.Counters[0]
		c.Name = strings.TrimPrefix(c.Name, prefix)
		part.Counters, rest.Counters = append(part.Counters, c), rest.Counters[1:]
	}
	return part, rest
}
