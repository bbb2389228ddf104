package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/engine/continual"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// measure looks at the phases if it is time to.
func (e *Engine) measure() error {
	a := e.anchors
	if a == nil {
		return nil
	}
	every := a.cfg.Every
	if a.burst > 0 {
		every = min(every, a.cfg.Burst.Every)
	}
	if a.since < every {
		return nil
	}
	a.burst = max(a.burst-1, 0)
	if err := e.look(); err != nil {
		return err
	}
	a.account()
	return nil
}

// look scores the first arm on every phase that ended and on the one in progress.
func (e *Engine) look() error {
	a, model := e.anchors, e.arms[0]
	for i := range a.closed {
		p := &a.closed[i]
		if p.examples.Len() == 0 {
			continue // withdrawn, all of them
		}
		score, err := e.accuracy(p.examples, model, e.spec.Outputs())
		if err != nil {
			return err
		}
		p.task.Look(score)
	}
	if a.open.examples.Len() == 0 {
		return nil
	}
	score, err := e.accuracy(a.open.examples, model, e.spec.Outputs())
	a.open.task.Learn(score)
	return err
}

// account closes a look.
func (a *anchors) account() {
	if tasks := a.tasks(); len(tasks) > 0 {
		a.anytime.Add(tasks.AverageAccuracy(), float64(a.since))
		a.looks++
	}
	a.since = 0
}

// closeAnchors ends a phase with a look. One of which nothing was set aside goes on.
func (e *Engine) closeAnchors() error {
	a := e.anchors
	if a == nil {
		return nil
	}
	a.disturbed()
	if a.open.examples.Len() == 0 {
		return nil
	}
	if err := e.look(); err != nil {
		return err
	}
	a.account()
	p := a.open
	p.ended = e.position
	p.task.End(p.task.Current)
	var err error
	if p.task.First, err = e.accuracyOf(a.first, p.examples); err != nil {
		return err
	}
	if a.before != nil {
		if p.task.Before, err = e.accuracyOf(a.before, p.examples); err != nil {
			return err
		}
	}
	a.before = e.arms[0].Freeze()
	a.closed = append(a.closed, p)
	if extra := len(a.closed) - a.cfg.Phases; extra > 0 {
		a.closed = append(a.closed[:0:0], a.closed[extra:]...)
	}
	a.open, err = a.newPhase()
	return err
}

// tasks are the phases that were looked at and still hold examples.
func (a *anchors) tasks() continual.Tasks {
	var list continual.Tasks
	for _, p := range a.closed {
		if p.examples.Len() > 0 {
			list = append(list, p.task)
		}
	}
	if a.open.examples.Len() > 0 && measured(a.open.task.Current) != nil {
		list = append(list, a.open.task)
	}
	return list
}

// accuracyOf is the accuracy of weights that the first arm had, in the place of stable's.
func (e *Engine) accuracyOf(weights *models.Frozen, m replay.Memory) (float64, error) {
	spec, err := e.specOf(weights)
	if err != nil {
		return 0, fmt.Errorf("anchors: %w", err)
	}
	if err := e.scores.load(weights, spec); err != nil {
		return 0, fmt.Errorf("anchors: %w", err)
	}
	score, err := e.accuracy(m, e.scores.predictor, spec.Outputs())
	stable := e.channels.stable
	return score, errors.Join(err, e.scores.load(stable.weights, stable.spec))
}

// accuracy is the share of a memory's examples whose class a model gives that knows so many
// of the outputs. Weights that give no numbers get none right.
func (e *Engine) accuracy(m replay.Memory, model responder, known int) (float64, error) {
	a, b := e.anchors, e.scores.batch
	rows := b.View()
	a.list = a.list[:0]
	m.Remove(func(ex *replay.Example) bool {
		a.list = append(a.list, ex)
		return false
	})
	k, right := e.spec.Outputs(), 0
	for from := 0; from < len(a.list); from += e.cfg.Batch.Size {
		part := a.list[from:min(from+e.cfg.Batch.Size, len(a.list))]
		b.Reset()
		for _, ex := range part {
			b.Add(ex)
			rows.Mask = append(rows.Mask, e.scores.heads.Of(ex.Segment)...)
		}
		a.out = slices.Grow(a.out[:0], len(part)*k)[:len(part)*k]
		out, err := e.scores.predict(model, a.out, e.scores.knownTo(known))
		if err != nil {
			return 0, fmt.Errorf("anchors: %w", err)
		}
		for i := range len(out) / k {
			if correct(out[i*k:(i+1)*k], part[i].Target) {
				right++
			}
		}
	}
	return float64(right) / float64(len(a.list)), nil
}

// correct is the accuracy of docs/metrics.md for one example.
func correct(outputs []float32, target float32) bool {
	if len(outputs) == 1 {
		return (outputs[0] >= 0.5) == (target >= 0.5)
	}
	top := 0
	for c, p := range outputs {
		if p > outputs[top] {
			top = c
		}
	}
	return top == int(target)
}
