package signal

import "github.com/perennial-ml/perennial/feedback"

// An orphan is a signal, or an operation, that arrived before what it is about.
type orphan struct {
	Key       string                 `cbor:"1,keyasint"`
	Time      int64                  `cbor:"2,keyasint"`
	Operation feedback.OperationKind `cbor:"3,keyasint"` // empty for a signal
	claim     claim
}

func byPrediction(id string) string { return "p:" + id }
func byEvent(id string) string      { return "e:" + id }

// orphanage holds orphans by what they wait for and by age.
type orphanage struct {
	byKey map[string][]*orphan
	order fifo[*orphan] // adopted ones stay until their turn, with an empty Key
	bytes int64
	live  int
}

func newOrphanage() orphanage { return orphanage{byKey: map[string][]*orphan{}} }

func (q *orphanage) len() int { return q.live }

func (o *orphan) size() int64 {
	return int64(claimOverhead + 2*len(o.Key) + len(o.claim.Event) + len(o.claim.Signal.Over))
}

func (q *orphanage) add(o orphan) {
	q.byKey[o.Key] = append(q.byKey[o.Key], &o)
	q.order.push(&o)
	q.bytes += o.size()
	q.live++
}

// adopt returns the orphans that waited for key, in order of arrival, and forgets
// them.
func (q *orphanage) adopt(key string) []orphan {
	list := q.byKey[key]
	if len(list) == 0 {
		return nil
	}
	delete(q.byKey, key)
	out := make([]orphan, len(list))
	for i, o := range list {
		out[i] = *o
		q.bytes -= o.size()
		q.live--
		o.Key = ""
	}
	return out
}

// giveUp forgets the orphans that arrived at or before a time, and returns how many.
func (q *orphanage) giveUp(until int64) (n uint64) {
	for q.order.len() > 0 {
		o := q.order.peek()
		if o.Key != "" && o.Time > until {
			break
		}
		n += q.dropOldest()
	}
	return n
}

// dropOldest pops the queue and returns 1 if an orphan was forgotten by it.
func (q *orphanage) dropOldest() uint64 {
	o := q.order.pop()
	if o.Key == "" {
		return 0
	}
	list := q.byKey[o.Key][1:] // the oldest of its key
	if len(list) == 0 {
		delete(q.byKey, o.Key)
	} else {
		q.byKey[o.Key] = list
	}
	q.bytes -= o.size()
	q.live--
	return 1
}

// wait lets an orphan wait, within the bounds.
func (w *Window) wait(o orphan, position uint64, now int64) {
	w.waiting.add(o)
	for w.waiting.len() > w.cfg.MaxOrphans {
		w.counts.OrphansEvicted += w.waiting.dropOldest()
	}
	w.bound(position, now)
}
