package arm

import (
	"strings"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// Widened returns the arm with the wider head of a front, in its place: they share the
// memories, and the one before may not be used any more.
func (a *Arm) Widened(f Front) (*Arm, error) {
	n, err := New(a.cfg, f)
	if err != nil {
		return nil, err
	}
	if err := models.Widen(n.model.Params(), a.model.Params()); err != nil {
		return nil, err
	}
	if err := n.step.Restore(widenState(a.step.State(), a.model.Params(), n.model.Params())); err != nil {
		return nil, err
	}
	if t := a.teacher; t != nil {
		weights, err := models.GrowFrozen(a.model.Spec(), t.weights, f.Spec.Classes)
		if err != nil {
			return nil, err
		}
		if err := n.teacher.load(weights); err != nil {
			return nil, err
		}
		n.teacher.at = t.at
		copy(n.teacher.known, t.known)
		n.teacher.group(n.heads.Heads())
	}
	copy(n.classes.seen, a.classes.seen)
	n.memory, n.choose, n.judge, n.phase = a.memory, a.choose, a.judge, a.phase
	n.meter, n.counts, n.since = a.meter, a.counts, a.since
	n.drift, n.drifted = a.drift, a.drifted
	n.judge.arm = n
	return n, nil
}

// widenState returns an optimizer's state for parameters with more columns, 0 in the new
// ones. A tensor of the state is named after its parameter.
func widenState(st optim.State, from, to models.Params) optim.State {
	out := optim.State{Counters: st.Counters, Tensors: make(models.Params, len(st.Tensors))}
	for i, t := range st.Tensors {
		out.Tensors[i] = t
		for j, p := range from {
			if !strings.HasSuffix(t.Name, "/"+p.Name) || len(t.Data) != len(p.Data) {
				continue
			}
			wide := models.NewParam(t.Name, to[j].Shape...)
			if models.Widen(models.Params{wide}, models.Params{t}) == nil {
				out.Tensors[i] = wide
				break
			}
		}
	}
	return out
}
