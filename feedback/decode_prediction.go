package feedback

import (
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

// sumTolerance is how far from 1 the probabilities of a multiclass prediction may
// add up, for producers that round.
const sumTolerance = 0.01

func (p *payload) prediction(e Event) (*Record, *Refusal) {
	block := &struct {
		rec        Record
		prediction Prediction
		propensity float64
	}{}
	out := &block.prediction
	fields := []string{
		"prediction_id", "features", "outputs", "model_version", "channel",
		"segments", "flags", "propensity",
	}
	const required = 5
	seen, r := p.object("data", fields, func(i int) (r *Refusal) {
		switch i {
		case 0:
			out.ID, r = p.identifier("data.prediction_id")
		case 1:
			out.Features, r = p.features()
		case 2:
			out.Outputs, r = p.outputs()
		case 3:
			out.Version, r = p.position("data.model_version")
		case 4:
			out.Channel, r = p.channel()
		case 5:
			out.Segments, r = p.labels("data.segments")
		case 6:
			out.Flags, r = p.labels("data.flags")
		case 7:
			block.propensity, r = p.propensity()
			out.Propensity = &block.propensity
		}
		return r
	})
	if r == nil {
		r = p.end()
	}
	for i := 0; i < required && r == nil; i++ {
		if !seen.has(i) {
			r = missing("data." + fields[i])
		}
	}
	if r != nil {
		return nil, r
	}
	if block.rec.Row, r = p.d.encode(out.Features); r != nil {
		return nil, r
	}
	block.rec.Event = e
	block.rec.Prediction = out
	return &block.rec, nil
}

func (p *payload) channel() (string, *Refusal) {
	text, r := p.text("data.channel")
	if r != nil {
		return "", r
	}
	switch text {
	case "stable", "candidate", "shadow":
		return text, nil
	}
	return "", refuse(CodeUnknownKind, "data.channel", "must be stable, candidate or shadow")
}

func (p *payload) propensity() (float64, *Refusal) {
	v, r := p.number("data.propensity")
	if r == nil && (v <= 0 || v > 1) {
		return 0, refuse(CodeOutOfRange, "data.propensity", "must be above 0 and at most 1")
	}
	return v, r
}

// outputs reads the answers and holds them against the task.
func (p *payload) outputs() ([]float64, *Refusal) {
	const path = "data.outputs"
	least, most := 1, 1
	rule := "must be an array of one number"
	if p.d.config.Task == TaskMulticlass {
		least, most = p.d.config.Classes, p.d.config.MaxClasses
		rule = fmt.Sprintf("must be an array of %d numbers, one a class", least)
		if least < most {
			rule = fmt.Sprintf("must be an array of %d to %d numbers, one a class", least, most)
		}
	}
	if p.s.Kind() != jsonscan.Array {
		return nil, p.wrongType(path, rule)
	}
	if err := p.s.Open(); err != nil {
		return nil, p.fail(path, err)
	}
	out := make([]float64, 0, min(most, p.s.Rest()))
	sum := 0.0
	for first := true; ; first = false {
		more, err := p.s.Elem(first)
		if err != nil {
			return nil, p.fail(path, err)
		}
		if !more {
			break
		}
		if len(out) == most {
			return nil, refuse(CodeOutOfRange, path, rule)
		}
		var v float64
		var r *Refusal
		if p.d.config.Task == TaskRegression {
			v, r = p.number(path)
		} else {
			v, r = p.unit(path)
		}
		if r != nil {
			return nil, r
		}
		sum += v
		out = append(out, v)
	}
	if len(out) < least {
		return nil, refuse(CodeOutOfRange, path, rule)
	}
	if p.d.config.Task == TaskMulticlass && math.Abs(sum-1) > sumTolerance {
		return nil, refuse(CodeOutOfRange, path, fmt.Sprintf("must add up to 1 within %v", sumTolerance))
	}
	return out, nil
}
