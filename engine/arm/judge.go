package arm

import (
	"errors"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// A judge is what an arm's memory knows of the arm. It allocates when it is asked about more
// examples than before, and otherwise nothing. Its first error stays until the arm takes it.
type judge struct {
	arm      *Arm
	opinions replay.Opinions
	ahead    []float32
	target   []float32
	before   models.Params // of the parameters, while a step is tried
	err      error
}

var _ replay.Judge = (*judge)(nil)

// take returns the error since the last call.
func (j *judge) take() error {
	err := j.err
	j.err = nil
	if err != nil {
		return fmt.Errorf("arm %s: judge examples: %w", j.arm.cfg.Name, err)
	}
	return nil
}

// Judge implements replay.Judge.
func (j *judge) Judge(list []*replay.Example) replay.Opinions {
	width, err := j.arm.model.FeatureWidth()
	if err != nil {
		j.err = errors.Join(j.err, err)
	}
	o, k := &j.opinions, j.arm.model.Spec().Outputs()
	o.Width, o.Outputs = width, k
	o.Losses = sized(o.Losses, len(list))
	o.Features = sized(o.Features, len(list)*width)
	o.Residuals = sized(o.Residuals, len(list)*k)
	for at := 0; at < len(list); at += j.arm.model.Capacity() {
		j.look(list, at, min(at+j.arm.model.Capacity(), len(list)))
	}
	return *o
}

// look judges the examples of a list from one place to another, at most as many as the model
// takes at once. A row that cannot be looked at among others is looked at alone.
func (j *judge) look(list []*replay.Example, from, to int) {
	b := j.arm.batch
	b.Reset()
	for i, ex := range list[from:to] {
		replay.Prefetch(list[from:to], i)
		b.Add(ex)
	}
	features, logits, err := j.arm.model.Represent(b.View())
	switch {
	case errors.Is(err, models.ErrNonFinite) && to-from > 1:
		for i := from; i < to; i++ {
			j.look(list, i, i+1)
		}
		return
	case errors.Is(err, models.ErrNonFinite):
		j.worst(from)
		return
	case err != nil:
		j.err = errors.Join(j.err, err)
		return
	}
	o, task := &j.opinions, b.Spec().Task
	j.arm.model.Respond(o.Residuals[from*o.Outputs:to*o.Outputs], logits)
	for i := from; i < to; i++ {
		row := i - from
		h := features[row*o.Width : (row+1)*o.Width]
		if !models.Finite(logits[row*o.Outputs:(row+1)*o.Outputs]) || !models.Finite(h) {
			j.worst(i)
			continue
		}
		copy(o.Feature(i), h)
		p, target := o.Residual(i), b.View().Targets[row*o.Outputs:(row+1)*o.Outputs]
		o.Losses[i] = bounded(models.Loss(task, p, target))
		for c, t := range target {
			p[c] -= t
			if task == models.Regression {
				p[c] *= 2
			}
		}
	}
}

// bounded is a loss as a memory hears of it.
func bounded(loss float64) float32 {
	if !(loss <= math.MaxFloat32) {
		return math.MaxFloat32
	}
	return float32(max(loss, 0))
}

// worst is the opinion on a row that gives no numbers.
func (j *judge) worst(row int) {
	o := &j.opinions
	o.Losses[row] = math.MaxFloat32
	clear(o.Feature(row))
	clear(o.Residual(row))
}

// Ahead implements replay.Judge: it tries the step that the optimizer would make on the new
// examples alone. A step that gives no numbers is none.
func (j *judge) Ahead(list, fresh []*replay.Example) []float32 {
	a, params := j.arm, j.arm.model.Params()
	if j.before.Fits(params) != nil { // the first time, or another model
		j.before = params.Clone()
	}
	tried := false
	portions := a.portions(fresh, [2][]*replay.Example{})
	a.compose(portions[:1])
	_, err := a.model.Gradients(a.batch.View())
	if err == nil {
		err = a.step.Foresee(a.model.Grads(), params)
	}
	if err == nil {
		err = j.before.CopyFrom(params)
		tried = err == nil
	}
	if tried {
		optim.Apply(params, a.model.Grads())
	}
	if err != nil && !errors.Is(err, models.ErrNonFinite) {
		j.err = errors.Join(j.err, err)
	}
	j.ahead = append(j.ahead[:0], j.Judge(list).Losses...)
	if tried {
		j.err = errors.Join(j.err, params.CopyFrom(j.before))
	}
	return j.ahead
}

// observe tells a memory that wants it the losses of a step's examples, as they were before
// it: of the rehearsed ones, and last of the new ones.
func (a *Arm) observe(portions [3]portion) {
	o, wants := a.memory.(replay.Observer)
	logits := a.model.Trained()
	if !wants || logits == nil {
		return
	}
	j, spec := a.judge, a.batch.Spec()
	k := spec.Outputs()
	losses, answers := j.opinions.Losses[:0], sized(j.opinions.Residuals, len(logits))
	a.model.Respond(answers, logits)
	j.opinions.Residuals = answers
	for _, p := range portions {
		for _, ex := range p.examples {
			j.target = batch.AppendTarget(j.target[:0], spec, ex)
			losses = append(losses, bounded(models.Loss(spec.Task, answers[:k], j.target)))
			answers = answers[k:]
		}
	}
	j.opinions.Losses = losses
	fresh := len(portions[0].examples)
	at := fresh
	for _, p := range portions[1:] {
		o.Observe(p.examples, losses[at:at+len(p.examples)])
		at += len(p.examples)
	}
	o.Observe(portions[0].examples, losses[:fresh])
}

// sized returns a slice of n elements, in the same memory if there is enough.
func sized(s []float32, n int) []float32 {
	if n > cap(s) {
		return make([]float32, n)
	}
	return s[:n]
}
