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

// evidence is what an arm's examples say about its parameters at a consolidation, by
// gradients of single rows. It implements optim.Evidence. Examples are weighted alike; one
// whose gradient is not finite does not count, nor does a complementary label, which says
// what is wrong and not what is right.
type evidence struct {
	arm      *Arm
	position uint64

	model    *models.Model // the arm's, for one row, without label smoothing and dropout
	batch    *batch.Batch
	examples []*replay.Example
}

// prepare builds the model for one row, and draws the examples, once.
func (e *evidence) prepare() error {
	if e.model != nil {
		return nil
	}
	a := e.arm
	spec := a.model.Spec()
	spec.Dropout = 0
	objective := models.Objective{Masked: spec.Task == models.Multiclass, Distill: models.DistillSquared, Sum: true}
	model, err := models.New(spec, 1)
	if err != nil {
		return err
	}
	if err := model.Use(a.use); err != nil {
		return err
	}
	if err := model.SetObjective(objective); err != nil {
		return err
	}
	if err := model.Load(a.model.Params()); err != nil {
		return err
	}
	e.model, e.batch = model, batch.New(spec, objective, 1)
	from := a.phase
	if from == nil {
		from = a.memory
	}
	e.examples = from.Draw(nil, a.cfg.Consolidation.Samples, a.stream("evidence", e.position))
	return nil
}

// place lays out one example, to be learned with a weight and held to logits of zero with
// another.
func (e *evidence) place(ex *replay.Example, label, zero float32) {
	e.batch.Reset()
	e.batch.Add(ex)
	b := e.batch.View()
	b.Weights[0] = label
	mask := e.arm.heads.Of(ex.Segment)
	for i := range e.batch.Spec().Outputs() {
		part := float32(1)
		if mask != nil {
			part = mask[i]
		}
		if b.Mask != nil {
			b.Mask = append(b.Mask, part)
		}
		b.Groups = append(b.Groups, part)
		b.Distill = append(b.Distill, 0)
	}
	b.DistillWeights = append(b.DistillWeights, zero)
}

// each adds up what use makes of the examples' gradients, and divides by their number.
func (e *evidence) each(dst models.Params, use func(ex *replay.Example) error) (n int, err error) {
	if err := e.prepare(); err != nil {
		return 0, err
	}
	for _, t := range dst {
		clear(t.Data)
	}
	for _, ex := range e.examples {
		if ex.Negative {
			continue
		}
		err := use(ex)
		if errors.Is(err, models.ErrNonFinite) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("example %s: %w", ex.ID, err)
		}
		n++
	}
	for _, t := range dst {
		for j := range t.Data {
			t.Data[j] /= float32(max(n, 1))
		}
	}
	return n, nil
}

// Sensitivity implements optim.Evidence.
func (e *evidence) Sensitivity(dst models.Params) (int, error) {
	return e.each(dst, func(ex *replay.Example) error {
		e.place(ex, 0, 0)
		outputs := 0
		for _, g := range e.batch.View().Groups {
			if g != 0 {
				outputs++
			}
		}
		e.batch.View().DistillWeights[0] = float32(outputs) // the mean over them becomes a sum
		if _, err := e.model.Gradients(e.batch.View()); err != nil {
			return err
		}
		for i, g := range e.model.Grads() {
			sum := dst[i].Data
			for j, v := range g.Data {
				sum[j] += float32(math.Abs(float64(v)))
			}
		}
		return nil
	})
}

// Fisher implements optim.Evidence. For a regression, whose loss is the squared error, the
// model's own labels are normal around its answer, with a variance of one half.
func (e *evidence) Fisher(dst models.Params, kind string) (int, error) {
	draw := e.arm.stream("fisher", e.position)
	task := e.arm.model.Spec().Task
	answer := make([]float32, e.arm.model.Spec().Outputs())
	return e.each(dst, func(ex *replay.Example) error {
		e.place(ex, 1, 0)
		target := e.batch.View().Targets
		if kind == optim.FisherEmpirical {
			return e.square(dst, 1)
		}
		if err := e.model.Predict(answer, e.batch.View()); err != nil {
			return err
		}
		if kind == optim.FisherTrue {
			label(task, target, answer, draw.Float64(), draw.NormFloat64())
			return e.square(dst, 1)
		}
		switch task {
		case models.Regression:
			target[0] = answer[0] + float32(math.Sqrt(0.5))
			return e.square(dst, 1)
		case models.Binary:
			for y, p := range [...]float32{1 - answer[0], answer[0]} {
				target[0] = float32(y)
				if err := e.square(dst, p); err != nil {
					return err
				}
			}
			return nil
		}
		for c, p := range answer {
			if p == 0 {
				continue
			}
			clear(target)
			target[c] = 1
			if err := e.square(dst, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// label writes a label drawn from the model's answer: by u, uniform in [0, 1), or by z,
// normal.
func label(task models.Task, target, answer []float32, u, z float64) {
	switch task {
	case models.Regression:
		target[0] = answer[0] + float32(math.Sqrt(0.5)*z)
	case models.Binary:
		target[0] = 0
		if u < float64(answer[0]) {
			target[0] = 1
		}
	default:
		clear(target)
		last := 0
		for c, p := range answer {
			if p == 0 {
				continue
			}
			last = c
			if u -= float64(p); u < 0 {
				break
			}
		}
		target[last] = 1
	}
}

// square adds p times the squares of the gradient of the example that was placed.
func (e *evidence) square(dst models.Params, p float32) error {
	if _, err := e.model.Gradients(e.batch.View()); err != nil {
		return err
	}
	for i, g := range e.model.Grads() {
		sum := dst[i].Data
		for j, v := range g.Data {
			sum[j] += float32(p * float32(v*v))
		}
	}
	return nil
}
