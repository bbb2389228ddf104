package oracle

import (
	"slices"
	"time"
)

// A prediction, or an event that brought its own features, waits for signals.
type prediction struct {
	id      string
	learn   bool
	outputs []float64
	since   time.Time
	votes   []vote
	said    bool // a signal came
	closed  bool // withdrawn or expired as a whole
	example bool // it became an example
	last    verdict
	gone    bool
	unseen  bool // its example was taken back before it was scored
}

// An orphan came before what it is about.
type orphan struct {
	prediction string // what it waits for: a prediction,
	event      string // or an event
	operation  string // "" for a signal
	since      time.Time
	claim      claim
}

// expire lets predictions and orphans go whose time is up.
func (o *Oracle) expire() {
	for len(o.order) > 0 {
		p := o.order[0]
		if !p.gone && p.since.After(o.now.Add(-o.cfg.Window)) {
			break
		}
		o.order = o.order[1:]
		o.leave(p, &o.counts.Unlabelled)
	}
	for len(o.orphans) > 0 && !o.orphans[0].since.After(o.now.Add(-o.cfg.OrphanWait)) {
		o.orphans = o.orphans[1:]
		o.counts.Unknown++
	}
}

func (o *Oracle) leave(p *prediction, unsaid *uint64) {
	if p.gone {
		return
	}
	if !p.said && !p.closed {
		*unsaid++
	}
	p.gone = true
	delete(o.predictions, p.id)
}

func (o *Oracle) admit(p *prediction) {
	o.predictions[p.id] = p
	o.order = append(o.order, p)
	for len(o.predictions) > o.cfg.MaxPredictions {
		o.leave(o.order[0], &o.counts.Evicted)
		o.order = o.order[1:]
	}
}

func (o *Oracle) predict(e event, position uint64) {
	before := o.served[e.predict.ID]
	o.served[e.predict.ID] = true
	if e.predict.Channel == "shadow" || before || o.predictions[e.predict.ID] != nil {
		return
	}
	p := &prediction{id: e.predict.ID, learn: e.learn, outputs: e.predict.Outputs, since: o.now}
	o.admit(p)
	for _, w := range o.adopt(func(w orphan) bool { return w.prediction == p.id }) {
		if w.operation != "" {
			o.close(p)
		} else {
			o.vote(p, w.claim, position)
		}
	}
}

// adopt takes the orphans out that waited for something, in order.
func (o *Oracle) adopt(mine func(orphan) bool) []orphan {
	var found, rest []orphan
	for _, w := range o.orphans {
		if mine(w) {
			found = append(found, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(found) > 0 {
		o.orphans = rest
	}
	return found
}

func (o *Oracle) signal(e event, position uint64) {
	c := claim{events: []string{e.id}, learn: e.learn, signal: *e.say.Signal}
	if e.say.PredictionID == "" {
		o.counts.SelfContained++
		p := &prediction{id: e.id, learn: e.learn, since: o.now}
		o.admit(p)
		o.vote(p, c, position)
	} else {
		o.attribute(e.say.PredictionID, c, position)
		if e.say.Signal.Kind == "preference" {
			c.other = true
			o.attribute(e.say.Signal.Over, c, position)
		}
	}
	o.operationsOn(e.id, position)
}

func (o *Oracle) attribute(id string, c claim, position uint64) {
	switch p := o.predictions[id]; {
	case p != nil:
		o.vote(p, c, position)
	case o.served[id]:
		o.counts.Late++
	default:
		o.orphans = append(o.orphans, orphan{prediction: id, since: o.now, claim: c})
	}
}

func (o *Oracle) vote(p *prediction, c claim, position uint64) {
	if p.closed {
		o.counts.AfterWithdrawal++
		return
	}
	o.counts.Signals++
	v := o.read(c, p.outputs)
	if v.mute {
		o.counts.NoTarget++
	}
	p.votes = append(p.votes, v)
	p.said = true
	o.resolve(p, position)
}

// resolve turns the votes on a prediction into an example, changes the one that there
// is, or takes it back.
func (o *Oracle) resolve(p *prediction, position uint64) {
	v, ok := o.decide(p.votes, p.learn)
	switch {
	case !ok:
		if p.example {
			p.unseen = o.drop(p.id) || p.unseen
			p.last = verdict{}
		}
	case !p.example:
		p.example, p.last = true, v
		o.counts.Resolved++
		if !v.learn {
			o.counts.MeasuredOnly++
		}
		o.pending = append(o.pending, example{id: p.id, position: position, since: o.now, score: true, learn: v.learn})
	case p.unseen:
		p.unseen, p.last = false, v
		o.pending = append(o.pending, example{id: p.id, position: position, since: o.now, score: true, learn: v.learn})
	case v == p.last:
	default:
		changed := !v.same(p.last)
		p.last = v
		i := slices.IndexFunc(o.pending, func(x example) bool { return x.id == p.id })
		switch {
		case i >= 0:
			o.pending[i].position, o.pending[i].learn = position, v.learn
		case changed && v.learn:
			o.revised[p.id]++
			o.pending = append(o.pending, example{id: p.id, position: position, since: o.now, learn: true})
		}
	}
}

// drop takes an example out of those that wait, and reports whether it was to be scored.
func (o *Oracle) drop(id string) bool {
	scored := false
	o.pending = slices.DeleteFunc(o.pending, func(x example) bool {
		scored = scored || x.id == id && x.score
		return x.id == id
	})
	return scored
}
