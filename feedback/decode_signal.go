package feedback

import (
	"fmt"
	"math"
)

// Places of a signal's fields in payload.signal's table.
const (
	signalKind = iota
	signalValue
	signalCorrect
	signalOver
	signalConfidence
	signalFields
)

// signalForm returns which fields a kind must have and which more it may have.
func signalForm(k SignalKind) (must, may fieldSet) {
	switch k {
	case Correctness, TaskCompletion:
		must = 1 << signalCorrect
	case Correction, Rating, Dwell, Label:
		must = 1 << signalValue
	case Preference:
		must = 1 << signalOver
	case Conversion:
		may = 1 << signalValue
	}
	must |= 1 << signalKind
	if k.Class() == Explicit {
		may |= 1 << signalConfidence
	}
	return must, may
}

// signal reads a signal and checks which fields its kind goes with.
func (p *payload) signal(block *feedbackBlock) *Refusal {
	out := &block.signal
	fields := []string{"kind", "value", "correct", "over", "confidence"}
	seen, r := p.object("data.signal", fields, func(i int) (r *Refusal) {
		switch i {
		case signalKind:
			out.Kind, r = p.signalKind()
		case signalValue:
			block.value, r = p.number("data.signal.value")
			out.Value = &block.value
		case signalCorrect:
			block.correct, r = p.boolean("data.signal.correct")
			out.Correct = &block.correct
		case signalOver:
			out.Over, r = p.identifier("data.signal.over")
		case signalConfidence:
			block.confidence, r = p.unit("data.signal.confidence")
			out.Confidence = &block.confidence
		}
		return r
	})
	if r != nil {
		return r
	}
	if !seen.has(signalKind) {
		return missing("data.signal.kind")
	}
	must, may := signalForm(out.Kind)
	for i := range signalFields {
		switch {
		case must.has(i) && !seen.has(i):
			return refuse(CodeMissingField, "data.signal."+fields[i], "must be present for this kind of signal")
		case seen.has(i) && !must.has(i) && !may.has(i):
			return refuse(CodeConflict, "data.signal."+fields[i], "must be absent for this kind of signal")
		}
	}
	return nil
}

func (p *payload) signalKind() (SignalKind, *Refusal) {
	text, r := p.text("data.signal.kind")
	if r != nil {
		return "", r
	}
	if k := SignalKind(text); k.Class() != "" {
		return k, nil
	}
	return "", refuse(CodeUnknownKind, "data.signal.kind", "must be a kind of the taxonomy (docs/signals.md)")
}

// signalValue holds a signal's value against the task and the rating scale.
func (d *Decoder) signalValue(s *Signal) *Refusal {
	const path = "data.signal.value"
	switch s.Kind {
	case Correction, Label:
		return d.label(*s.Value)
	case Rating:
		if r := d.config.Rating; *s.Value < r.Min || *s.Value > r.Max {
			return refuse(CodeOutOfRange, path, fmt.Sprintf("must be on the rating scale, %v to %v", r.Min, r.Max))
		}
	case Dwell:
		if *s.Value < 0 {
			return refuse(CodeOutOfRange, path, "must be 0 or more seconds")
		}
	}
	return nil
}

func (d *Decoder) label(v float64) *Refusal {
	const path = "data.signal.value"
	switch d.config.Task {
	case TaskBinary:
		if v != 0 && v != 1 {
			return refuse(CodeOutOfRange, path, "must be 0 or 1")
		}
	case TaskMulticlass:
		if last := d.config.MaxClasses - 1; v != math.Trunc(v) || v < 0 || v > float64(last) {
			return refuse(CodeOutOfRange, path, fmt.Sprintf("must be a class, an integer from 0 to %d", last))
		}
	}
	return nil
}
