package signal

import (
	"cmp"
	"slices"

	"github.com/perennial-ml/perennial/feedback"
)

// operation carries out amend, withdraw or expire. One that comes before the event
// it names waits for it like any orphan.
func (w *Window) operation(rec *feedback.Record, position uint64, now int64, past Past) {
	f, op := rec.Feedback, rec.Feedback.Operation
	if op.EventID == "" {
		e, ok := w.entries[f.PredictionID]
		switch {
		case ok:
			w.operateOn(e, op.Kind, position, now)
		case past.Prediction(f.PredictionID):
			// The window has forgotten the prediction, a memory may not have.
			w.counts.Late++
			w.out = append(w.out, Resolution{ID: f.PredictionID, Outcome: Retract})
		default:
			w.wait(orphan{Key: byPrediction(f.PredictionID), Time: now, Operation: op.Kind}, position, now)
		}
		return
	}
	o := orphan{Key: byEvent(op.EventID), Time: now, Operation: op.Kind}
	if op.Kind == feedback.Amend {
		o.claim = claim{
			Events:   chain{rec.ID},
			Position: position,
			Learn:    rec.Consent == feedback.ConsentLearn,
			Signal:   *f.Signal,
		}
	}
	switch {
	case len(w.byEvent[op.EventID]) > 0 || len(w.waiting.byClaim[op.EventID]) > 0:
		w.operateOnEvent(op.EventID, o, position, now)
	case past.Event(op.EventID):
		w.counts.Late++
		w.out = append(w.out, Resolution{ID: op.EventID, Outcome: Retract})
	default:
		w.wait(o, position, now)
	}
}

// adoptOperations carries out the operations that arrived before their event. One that
// finds nothing, its event having been late itself, is counted as late too.
func (w *Window) adoptOperations(event string, position uint64, now int64) {
	for _, o := range w.waiting.adopt(byEvent(event)) {
		if w.operateOnEvent(event, o, position, now) == 0 {
			w.counts.Late++
		}
	}
}

// operateOn withdraws or expires a whole prediction: its votes go, and no later
// signal brings it back.
func (w *Window) operateOn(e *entry, kind feedback.OperationKind, position uint64, now int64) {
	if e.Phase == closed {
		w.counts.AfterWithdrawal++
		return
	}
	e = w.own(e)
	*w.counter(kind, e.Emitted)++
	w.replaceVotes(e, nil)
	w.retract(e)
	e.Phase = closed
}

// operateOnEvent amends, withdraws or expires what one event said, whether it reached
// its prediction or waits for it, and returns how many signals that were.
func (w *Window) operateOnEvent(event string, o orphan, position uint64, now int64) uint64 {
	found := w.waiting.operate(event, o)
	*w.counter(o.Operation, false) += found
	for _, e := range inOrder(w.byEvent[event]) {
		votes, n := e.amended(event, o, w.reader)
		if n == 0 || e.Phase == closed {
			continue
		}
		found += n
		e = w.own(e)
		*w.counter(o.Operation, e.Emitted)++
		w.replaceVotes(e, votes)
		switch {
		case e.Phase == resolved:
			w.resolve(e, position, now)
		case len(votes) == 0:
			e.Phase = open
		}
	}
	// An operation on the amendment may have come before it.
	if o.Operation == feedback.Amend {
		w.adoptOperations(o.claim.Events[0], position, now)
	}
	return found
}

// inOrder returns the entries by arrival, so that a restored window works through
// them as the original did.
func inOrder(entries []*entry) []*entry {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b *entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.Compact(sorted)
}

// counter returns what counts operations of a kind on signals that were, or were not,
// resolved.
func (w *Window) counter(kind feedback.OperationKind, after bool) *uint64 {
	switch {
	case kind == feedback.Expire:
		return &w.counts.Expired
	case kind == feedback.Amend && after:
		return &w.counts.AmendedAfter
	case kind == feedback.Amend:
		return &w.counts.Amended
	case after:
		return &w.counts.WithdrawnAfter
	default:
		return &w.counts.Withdrawn
	}
}
