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
		w.claim = claim{events: []string{e.id}, learn: e.learn, signal: *e.say.Signal}
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
		if slices.ContainsFunc(p.votes, func(v vote) bool { return slices.Contains(v.events, event) }) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *prediction) int {
		return cmp.Compare(slices.Index(o.order, a), slices.Index(o.order, b))
	})
	return list
}

// saidBy finds the signals and amendments of an event that wait.
func saidBy(event string) func(orphan) bool {
	return func(w orphan) bool { return slices.Contains(w.claim.events, event) }
}

// anew returns what an amendment makes of something said before, if anything.
func (w orphan) anew(before []string, other bool) (claim, bool) {
	c := w.claim
	if other && c.signal.Kind != "preference" {
		return claim{}, false
	}
	c.events, c.other = append(slices.Clone(before), c.events...), other
	return c, true
}

// change replaces what an event said by the amendment, or by nothing. It reports whether
// there was anything.
func (o *Oracle) change(event string, w orphan, position uint64) bool {
	found := false
	var rest []orphan
	for _, x := range o.orphans {
		if !saidBy(event)(x) {
			rest = append(rest, x)
			continue
		}
		found = true
		next, stays := claim{}, false
		if w.operation == "amend" {
			next, stays = w.anew(x.claim.events, x.claim.other)
		}
		if !stays && x.operation == "" {
			continue
		}
		x.claim = next
		if !stays {
			x.operation = w.operation
		}
		rest = append(rest, x)
	}
	o.orphans = rest
	for _, p := range o.about(event) {
		found = true
		var kept, anew []vote
		for _, v := range p.votes {
			if !slices.Contains(v.events, event) {
				kept = append(kept, v)
			} else if w.operation == "amend" {
				if c, ok := w.anew(v.events, v.other); ok {
					anew = append(anew, o.read(c, p.outputs))
				}
			}
		}
		p.votes = append(kept, anew...)
		o.resolve(p, position)
	}
	if w.operation == "amend" {
		o.operationsOn(w.claim.events[0], position)
	}
	return found
}

// operationsOn carries out the operations that came before the event they name.
func (o *Oracle) operationsOn(event string, position uint64) {
	for _, w := range o.adopt(func(w orphan) bool { return w.event == event }) {
		if !o.change(event, w, position) {
			o.counts.Late++
		}
	}
}
