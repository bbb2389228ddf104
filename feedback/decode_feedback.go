package feedback

// feedbackBlock holds a feedback event's record and all that it points to, so that
// they are one allocation.
type feedbackBlock struct {
	rec        Record
	feedback   Feedback
	signal     Signal
	operation  Operation
	value      float64
	correct    bool
	confidence float64
}

func (p *payload) feedback(e Event) (*Record, *Refusal) {
	block := &feedbackBlock{}
	out := &block.feedback
	fields := []string{"prediction_id", "features", "segments", "signal", "operation"}
	const features, segments = 1, 2
	seen, r := p.object("data", fields, func(i int) (r *Refusal) {
		switch i {
		case 0:
			out.PredictionID, r = p.identifier("data.prediction_id")
		case features:
			out.Features, r = p.features()
		case segments:
			out.Segments, r = p.labels("data.segments")
		case 3:
			out.Signal = &block.signal
			r = p.signal(block)
		case 4:
			out.Operation = &block.operation
			r = p.operation(out.Operation)
		}
		return r
	})
	if r == nil {
		r = p.end()
	}
	if r == nil {
		r = out.shape(e.ID, seen.has(features), seen.has(segments))
	}
	if r == nil && out.Signal != nil {
		r = p.d.signalValue(out.Signal)
	}
	if r != nil {
		return nil, r
	}
	if out.Features != nil {
		if block.rec.Row, r = p.d.encode(out.Features); r != nil {
			return nil, r
		}
	}
	block.rec.Event = e
	block.rec.Feedback = out
	return &block.rec, nil
}

// shape checks which fields may stand beside each other.
func (f *Feedback) shape(eventID string, hasFeatures, hasSegments bool) *Refusal {
	switch {
	case f.Operation == nil && f.Signal == nil:
		return refuse(CodeMissingField, "data.signal", "must be present unless there is an operation")
	case hasFeatures && f.PredictionID != "":
		return refuse(CodeLeakage, "data.features",
			"must be absent beside a prediction_id: features are those of the prediction as served")
	case hasFeatures && f.Operation != nil:
		return refuse(CodeLeakage, "data.features",
			"must be absent beside an operation: features are those of the event that it is about")
	case hasSegments && !hasFeatures:
		return refuse(CodeConflict, "data.segments",
			"must be absent without features: segments are those of the prediction as served")
	case f.Operation != nil:
		return f.operationShape(eventID)
	case f.PredictionID == "" && !hasFeatures:
		return refuse(CodeMissingField, "data.prediction_id", "must be present unless the event brings its own features")
	case f.PredictionID == "" && (f.Signal.Kind == Preference || f.Signal.Kind == Correctness):
		return refuse(CodeMissingField, "data.prediction_id", "must be present: the signal judges what was served")
	case f.Signal.Kind == Preference && f.Signal.Over == f.PredictionID:
		return refuse(CodeConflict, "data.signal.over", "must be another prediction than prediction_id")
	}
	return nil
}

func (f *Feedback) operationShape(eventID string) *Refusal {
	op := f.Operation
	switch {
	case op.Kind == Amend && f.Signal == nil:
		return refuse(CodeMissingField, "data.signal", "must be present beside amend: it says what is right")
	case op.Kind != Amend && f.Signal != nil:
		return refuse(CodeConflict, "data.signal", "must be absent beside an operation other than amend")
	case op.Kind == Amend && op.EventID == "":
		return refuse(CodeMissingField, "data.operation.event_id", "must be present: amend is about one event")
	case op.EventID != "" && f.PredictionID != "":
		return refuse(CodeConflict, "data.prediction_id", "must be absent beside operation.event_id")
	case op.EventID == "" && f.PredictionID == "":
		return refuse(CodeMissingField, "data.operation.event_id", "must be present unless there is a prediction_id")
	case op.EventID != "" && op.EventID == eventID:
		return refuse(CodeConflict, "data.operation.event_id", "must name an earlier event, not this one")
	}
	return nil
}

func (p *payload) operation(out *Operation) *Refusal {
	seen, r := p.object("data.operation", []string{"kind", "event_id"}, func(i int) (r *Refusal) {
		if i == 1 {
			out.EventID, r = p.identifier("data.operation.event_id")
			return r
		}
		kind, r := p.text("data.operation.kind")
		if r != nil {
			return r
		}
		switch out.Kind = OperationKind(kind); out.Kind {
		case Amend, Withdraw, Expire:
			return nil
		}
		return refuse(CodeUnknownKind, "data.operation.kind", "must be amend, withdraw or expire")
	})
	if r == nil && !seen.has(0) {
		r = missing("data.operation.kind")
	}
	return r
}
