package signal

import (
	"cmp"
	"slices"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// A Window joins signals to predictions inside the attribution window.
type Window struct {
	cfg     Join
	segment string
	reader  reader

	entries  map[string]*entry   // by prediction id, or by a self-contained event's id
	byEvent  map[string][]*entry // entries that hold a vote from the event
	arrived  fifo[*entry]        // in order of arrival, which is order of time
	settling fifo[settlement]    // in order of time
	next     uint64              // Seq of the next entry
	epoch    uint64              // number of snapshots taken: they share the entries of earlier epochs
	waiting  orphanage
	bytes    int64

	counts Counts
	out    []Resolution
}

// NewWindow returns an empty window. segment names the segment label that examples
// carry; it may be empty. cfg must be complete and valid.
func NewWindow(cfg Config, task models.Task, segment string) *Window {
	return &Window{
		cfg:     cfg.Join,
		segment: segment,
		reader:  newReader(cfg, task),
		entries: map[string]*entry{},
		byEvent: map[string][]*entry{},
		waiting: newOrphanage(),
	}
}

// Counts returns where predictions and signals went so far.
func (w *Window) Counts() Counts { return w.counts }

// Len returns the number of predictions held.
func (w *Window) Len() int { return len(w.entries) }

// Orphans returns the number of signals that wait for their prediction.
func (w *Window) Orphans() int { return w.waiting.len() }

// Bytes returns the estimated memory of predictions and orphans.
func (w *Window) Bytes() int64 { return w.bytes + w.waiting.bytes }

// Take returns the resolutions since the last Take, in order. The slice is valid
// until the next call of any method.
func (w *Window) Take() []Resolution {
	out := w.out
	w.out = w.out[:0]
	return out
}

// Due returns the earliest log time at which Advance has something to resolve.
func (w *Window) Due() (int64, bool) {
	for w.settling.len() > 0 {
		s := w.settling.peek()
		if _, valid := w.settles(s); valid {
			return s.at, true
		}
		w.settling.pop()
	}
	return 0, false
}

// A settlement is the time at which an entry resolves. It lapses when the entry
// leaves, resolves early, or loses its votes and begins to settle anew.
type settlement struct {
	id string // of the entry
	at int64
}

// settles returns a settlement's entry, and whether it still holds.
func (w *Window) settles(s settlement) (*entry, bool) {
	e, ok := w.entries[s.id]
	return e, ok && e.Phase == settling && e.SettleAt == s.at
}

// own returns e ready to be changed: if a snapshot shares it, a copy that has taken its
// place in the window.
func (w *Window) own(e *entry) *entry {
	if e.epoch == w.epoch {
		return e
	}
	mine := *e
	mine.epoch = w.epoch
	if w.entries[e.ID] == e {
		w.entries[e.ID] = &mine
	}
	live := w.arrived.live()
	i, ok := slices.BinarySearchFunc(live, e.Seq, func(o *entry, seq uint64) int { return cmp.Compare(o.Seq, seq) })
	if ok {
		live[i] = &mine
	}
	for _, v := range e.Votes {
		for _, id := range v.Events {
			for i, o := range w.byEvent[id] {
				if o == e {
					w.byEvent[id][i] = &mine
				}
			}
		}
	}
	return &mine
}

// Advance moves log time forward: settled predictions resolve, those past the
// attribution window leave, and orphans past their wait are given up.
func (w *Window) Advance(position uint64, now int64) {
	for {
		at, ok := w.Due()
		if !ok || at > now {
			break
		}
		e := w.entries[w.settling.pop().id]
		w.resolve(e, position, now)
	}
	for w.arrived.len() > 0 {
		e := w.arrived.peek()
		if e.Time > now-int64(w.cfg.Window) {
			break
		}
		w.arrived.pop()
		w.leave(e, position, now, &w.counts.Unlabelled)
	}
	w.counts.Unknown += w.waiting.giveUp(now - int64(w.cfg.OrphanWait))
}

// Predict takes a served prediction into the window, and joins the signals that
// arrived before it. An id makes one example: a prediction that repeats one, of the
// window or of the past, is only counted.
func (w *Window) Predict(rec *feedback.Record, position uint64, now int64, past Past) {
	p := rec.Prediction
	if p.Channel == feedback.ChannelShadow {
		w.counts.Shadow++
		return
	}
	if _, ok := w.entries[p.ID]; ok || past.Prediction(p.ID) {
		w.counts.RepeatedID++
		return
	}
	outputs := make([]float32, len(p.Outputs))
	for i, y := range p.Outputs {
		outputs[i] = float32(y)
	}
	e := &entry{
		ID:      p.ID,
		Subject: rec.Subject,
		Segment: w.segmentOf(p.Segments),
		Time:    now,
		Learn:   rec.Consent == feedback.ConsentLearn,
		Row:     rec.Row,
		Outputs: outputs,
		Version: p.Version,
		Channel: p.Channel,
	}
	w.counts.Predictions++
	w.admit(e, position, now)
	for _, o := range w.waiting.adopt(byPrediction(p.ID)) {
		if o.Operation != "" {
			w.operateOn(e, o.Operation, position, now)
		} else {
			w.vote(e, o.claim, position, now)
		}
	}
}

// Past knows the ids that were applied before, in the window or long gone, so that
// what comes late is told from what comes early.
type Past interface {
	Prediction(id string) bool
	Event(id string) bool
}

// Feedback joins a signal, or carries out an operation on earlier ones.
func (w *Window) Feedback(rec *feedback.Record, position uint64, now int64, past Past) {
	f := rec.Feedback
	learn := rec.Consent == feedback.ConsentLearn
	if f.Operation != nil {
		w.operation(rec, position, now, past)
		return
	}
	c := claim{Events: chain{rec.ID}, Position: position, Learn: learn, Signal: *f.Signal}
	if f.PredictionID == "" {
		if _, ok := w.entries[rec.ID]; ok {
			w.counts.RepeatedID++
			return
		}
		w.counts.SelfContained++
		e := &entry{
			ID:      rec.ID,
			Subject: rec.Subject,
			Segment: w.segmentOf(f.Segments),
			Time:    now,
			Learn:   learn,
			Row:     rec.Row,
		}
		w.admit(e, position, now)
		w.vote(e, c, position, now)
		w.adoptOperations(rec.ID, position, now)
		return
	}
	w.attribute(f.PredictionID, c, position, now, past)
	if f.Signal.Kind == feedback.Preference {
		c.Rejected = true
		w.attribute(f.Signal.Over, c, position, now, past)
	}
	w.adoptOperations(rec.ID, position, now)
}

// attribute brings a claim to its prediction, or lets it wait for it.
func (w *Window) attribute(predictionID string, c claim, position uint64, now int64, past Past) {
	if e, ok := w.entries[predictionID]; ok {
		w.vote(e, c, position, now)
		return
	}
	if past.Prediction(predictionID) {
		w.counts.Late++
		return
	}
	w.wait(orphan{Key: byPrediction(predictionID), Time: now, claim: c}, position, now)
}

// vote adds a claim to an entry's votes and settles or resolves it.
func (w *Window) vote(e *entry, c claim, position uint64, now int64) {
	if e.Phase == closed {
		w.counts.AfterWithdrawal++
		return
	}
	if len(e.Votes) >= w.cfg.MaxSignals {
		w.counts.Surplus++
		return
	}
	e = w.own(e)
	w.counts.Signals++
	v := w.reader.read(c, e.Outputs)
	if v.None {
		w.counts.NoTarget++
	}
	w.replaceVotes(e, append(e.Votes[:len(e.Votes):len(e.Votes)], v))
	switch {
	case e.Phase == resolved:
		w.resolve(e, position, now)
	case w.cfg.Settle == 0:
		w.resolve(e, position, now)
	case e.Phase == open:
		e.Phase, e.SettleAt = settling, now+int64(w.cfg.Settle)
		w.settling.push(settlement{id: e.ID, at: e.SettleAt})
	}
	w.bound(position, now)
}

// resolve weighs an entry's votes and emits what changed.
func (w *Window) resolve(e *entry, position uint64, now int64) {
	e = w.own(e)
	first := e.Phase != resolved
	if first {
		e.Phase = resolved
	}
	v, ok := w.reader.resolve(e.Votes, e.Learn)
	switch {
	case !ok:
		if anyTarget(e.Votes) {
			w.counts.Contradicted++
		}
		w.retract(e)
		return
	case !e.Emitted:
		w.counts.Resolved++
		if !v.Learn {
			w.counts.MeasuredOnly++
		}
		w.emit(e, New, v, position, now)
	case e.Verdict == v:
	case e.Verdict.Target == v.Target && e.Verdict.Negative == v.Negative && e.Verdict.Learn == v.Learn:
		w.counts.Reweighed++
		w.emit(e, Reweigh, v, position, now)
	default:
		w.counts.Revised++
		w.emit(e, Revise, v, position, now)
	}
	e.Verdict, e.Emitted = v, true
}

func (w *Window) emit(e *entry, outcome Outcome, v verdict, position uint64, now int64) {
	w.out = append(w.out, Resolution{
		ID:      e.ID,
		Outcome: outcome,
		Example: e.example(v, position, now),
		Learn:   v.Learn,
		Outputs: e.Outputs,
		Version: e.Version,
		Channel: e.Channel,

		Unscored: e.Unscored,
	})
	e.Unscored = false
}

// Unscored says that an example which was retracted had not been scored: if its
// prediction becomes one again, the Resolution will say so. It leaves what Take returned
// as it is.
func (w *Window) Unscored(id string) {
	if e, ok := w.entries[id]; ok {
		w.own(e).Unscored = true
	}
}

// retract takes back what was emitted for an entry, if anything was. The entry may
// be emitted again, as a revision.
func (w *Window) retract(e *entry) {
	if e.Emitted && e.Verdict != (verdict{}) {
		w.out = append(w.out, Resolution{ID: e.ID, Outcome: Retract})
		e.Verdict = verdict{}
	}
}

// admit puts a new entry at the end of the window and keeps the bounds.
func (w *Window) admit(e *entry, position uint64, now int64) {
	e.Seq, e.epoch = w.next, w.epoch
	w.next++
	w.entries[e.ID] = e
	w.arrived.push(e)
	w.bytes += e.size()
	w.bound(position, now)
}

// bound lets the oldest entries leave until the window is within its bounds; the
// newest always stays.
func (w *Window) bound(position uint64, now int64) {
	for w.arrived.len() > 1 && (len(w.entries) > w.cfg.MaxPredictions || w.Bytes() > w.cfg.MaxBytes) {
		w.leave(w.arrived.pop(), position, now, &w.counts.Evicted)
	}
}

// leave removes an entry, taken from arrived, for good. One that has votes resolves first; one that had
// none is counted by the reason given.
func (w *Window) leave(e *entry, position uint64, now int64, reason *uint64) {
	switch e.Phase {
	case open:
		*reason++
	case settling:
		e = w.own(e)
		w.resolve(e, position, now)
	}
	delete(w.entries, e.ID)
	w.bytes -= e.size()
	w.unlink(e)
}

// link enters an entry under the events whose votes it holds.
func (w *Window) link(e *entry) {
	for _, v := range e.Votes {
		for _, id := range v.Events {
			w.byEvent[id] = append(w.byEvent[id], e)
		}
	}
}

func (w *Window) unlink(e *entry) {
	for _, v := range e.Votes {
		for _, id := range v.Events {
			unlist(w.byEvent, id, e)
		}
	}
}

func (w *Window) replaceVotes(e *entry, votes []vote) {
	w.unlink(e)
	w.bytes -= e.size()
	e.Votes = votes
	w.bytes += e.size()
	w.link(e)
}

func (w *Window) segmentOf(labels map[string]string) string {
	if w.segment == "" {
		return ""
	}
	return labels[w.segment]
}

func anyTarget(votes []vote) bool {
	for _, v := range votes {
		if !v.None {
			return true
		}
	}
	return false
}
