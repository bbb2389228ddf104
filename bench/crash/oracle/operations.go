package oracle

import (
	"cmp"
	"slices"
)

// operate carries out amend, withdraw or expire, or lets it wait.
func (o *Oracle) operate(e event, position uint64) {
	op := e.say.Operation
	if op.EventID == "" {
		id := e.say.PredictionID
		switch p := o.predictions[id]; {
		case p != nil && p.closed:
			o.counts.AfterWithdrawal++
		case p != nil:
			o.close(p)
		case o.served[id]:
			o.counts.Late++
			o.drop(id)
		default:
			o.orphans = append(o.orphans, orphan{prediction: id, operation: op.Kind, since: o.now})
		}
		return
	}
	w := orphan{event: op.EventID, operation: op.Kind, since: o.now}
	if op.Kind == "amend" {
		w.claim = claim{event: e.id, learn: e.learn, signal: *e.say.Signal}
	}
	switch {
	case len(o.about(op.EventID)) > 0 || slices.ContainsFunc(o.orphans, saidBy(op.EventID)):
		o.change(op.EventID, w, position)
	case o.known[op.EventID]:
		o.counts.Late++
		o.drop(op.EventID)
	default:
		o.orphans = append(o.orphans, w)
	}
}

// close takes every signal on a prediction back, past and future.
func (o *Oracle) close(p *prediction) {
	if p.closed {
		o.counts.AfterWithdrawal++
		return
	}
	p.votes, p.closed = nil, true
	if p.example {
		o.drop(p.id)
	}
}

// about returns the predictions, by arrival, that an event's votes are on.
func (o *Oracle) about(event string) []*prediction {
	var list []*prediction
	for _, p := range o.predictions {
		if slices.ContainsFunc(p.votes, func(v vote) bool { return v.event == event }) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *prediction) int {
		return cmp.Compare(slices.Index(o.order, a), slices.Index(o.order, b))
	})
	return list
}

// saidBy finds the signals of an event that wait for their prediction.
func saidBy(event string) func(orphan) bool {
	return func(w orphan) bool { return w.operation == "" && w.claim.event == event }
}

// change replaces what an event said by the amendment, or by nothing.
func (o *Oracle) change(event string, w orphan, position uint64) {
	if w.operation == "amend" {
		for i := range o.orphans {
			if saidBy(event)(o.orphans[i]) {
				other := o.orphans[i].claim.other
				o.orphans[i].claim = w.claim
				o.orphans[i].claim.other = other
			}
		}
	} else {
		o.orphans = slices.DeleteFunc(o.orphans, saidBy(event))
	}
	for _, p := range o.about(event) {
		p.votes = slices.DeleteFunc(slices.Clone(p.votes), func(v vote) bool { return v.event == event })
		if w.operation == "amend" {
			p.votes = append(p.votes, o.read(w.claim, p.outputs))
		}
		o.resolve(p, position)
	}
	if w.operation == "amend" {
		o.operationsOn(w.claim.event, position)
	}
}

// operationsOn carries out the operations that came before the event they name.
func (o *Oracle) operationsOn(event string, position uint64) {
	for _, w := range o.adopt(func(w orphan) bool { return w.event == event }) {
		o.change(event, w, position)
	}
}
