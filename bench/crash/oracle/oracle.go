package oracle

import "time"

// An Oracle reads a log and counts.
type Oracle struct {
	cfg    Config
	counts Counts
	now    time.Time

	known       map[string]bool // ids of events applied
	served      map[string]bool // ids of predictions applied
	predictions map[string]*prediction
	order       []*prediction // by arrival; those that left are skipped
	orphans     []orphan      // by arrival
	pending     []example
	refused     []uint64 // positions

	learned map[string]int // by example id: how often it was part of a step
	revised map[string]int // how often its label changed after it was learned
}

// New returns an oracle before the first record.
func New(cfg Config) *Oracle {
	return &Oracle{
		cfg: cfg, known: map[string]bool{}, served: map[string]bool{}, predictions: map[string]*prediction{},
		learned: map[string]int{}, revised: map[string]int{},
	}
}

// Counts returns what a learner should have counted by now.
func (o *Oracle) Counts() Counts {
	c := o.counts
	c.Waiting, c.Orphans, c.Pending = len(o.predictions), len(o.orphans), len(o.pending)
	return c
}

// Twice returns how many examples were learned more often than they were revised: 0,
// or the oracle itself is wrong.
func (o *Oracle) Twice() int {
	n := 0
	for id, times := range o.learned {
		n += max(0, times-1-o.revised[id])
	}
	return n
}

// Apply reads the next record.
func (o *Oracle) Apply(r Record) {
	o.counts.Records++
	if r.Time.After(o.now) {
		o.now = r.Time
	}
	o.expire()
	o.dispatch(r)
	o.learn(false)
}

func (o *Oracle) dispatch(r Record) {
	e, ok := o.decode(r)
	switch {
	case !ok:
		o.counts.Refused++
		o.refused = append(o.refused, r.Position)
		return
	case e.tick:
		o.counts.Ticks++
		return
	case o.known[e.id]:
		o.counts.Duplicates++
		return
	}
	o.known[e.id] = true
	switch {
	case e.predict != nil:
		o.counts.Predictions++
		o.predict(e, r.Position)
	case e.say != nil && e.say.Operation != nil:
		o.counts.Feedback++
		o.operate(e, r.Position)
	case e.say != nil:
		o.counts.Feedback++
		o.signal(e, r.Position)
	default:
		o.counts.Controls++
		o.control(e.control)
	}
}

func (o *Oracle) control(c *controlData) {
	if c.Action == "boundary" { // what came before it is learned before it
		o.learn(true)
	}
	if c.Action != "rollback" || !c.Learner {
		return
	}
	var kept []example
	for _, x := range o.pending {
		if x.position <= c.Version {
			kept = append(kept, x)
		}
	}
	o.pending = kept
}

// An example waits for its batch.
type example struct {
	id       string
	position uint64
	since    time.Time
	score    bool
	learn    bool
}

// learn takes batches off what is pending: full ones, and a smaller one once its oldest
// example has waited long enough, or all must be learned now.
func (o *Oracle) learn(now bool) {
	for len(o.pending) > 0 {
		n := min(o.cfg.BatchSize, len(o.pending))
		if !now && n < o.cfg.BatchSize && o.now.Before(o.pending[0].since.Add(o.cfg.BatchWait)) {
			return
		}
		for _, x := range o.pending[:n] {
			if x.score {
				o.counts.Scored++
			}
			if x.learn {
				o.counts.Learned++
				o.learned[x.id]++
			}
		}
		o.pending = o.pending[n:]
	}
}

// Refused returns the positions of the records that were to be refused.
func (o *Oracle) Refused() []uint64 { return o.refused }
