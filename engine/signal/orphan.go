package signal

import (
	"slices"

	"github.com/perennial-ml/perennial/feedback"
)

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
	byKey   map[string][]*orphan
	byClaim map[string][]*orphan // signals and amendments, by the events that said them
	order   fifo[*orphan]        // those that left stay until their turn, with an empty Key
	bytes   int64
	live    int
}

func newOrphanage() orphanage {
	return orphanage{byKey: map[string][]*orphan{}, byClaim: map[string][]*orphan{}}
}

func (q *orphanage) len() int { return q.live }

func (o *orphan) size() int64 {
	return int64(claimOverhead + 2*len(o.Key) + o.claim.Events.size() + len(o.claim.Signal.Over))
}

func (q *orphanage) add(o orphan) {
	q.byKey[o.Key] = append(q.byKey[o.Key], &o)
	q.claimed(&o)
	q.order.push(&o)
	q.bytes += o.size()
	q.live++
}

// claimed enters a signal, or an amendment, under the events that said it.
func (q *orphanage) claimed(o *orphan) {
	for _, id := range o.claim.Events {
		q.byClaim[id] = append(q.byClaim[id], o)
	}
}

func (q *orphanage) unclaimed(o *orphan) {
	for _, id := range o.claim.Events {
		unlist(q.byClaim, id, o)
	}
}

// drop forgets an orphan that was taken out of byKey.
func (q *orphanage) drop(o *orphan) {
	q.unclaimed(o)
	q.bytes -= o.size()
	q.live--
	o.Key = ""
}

// unlist removes an item from the list under a key: the first one, which is the usual,
// without a copy.
func unlist[T comparable](lists map[string][]T, key string, item T) {
	list := lists[key]
	switch {
	case len(list) == 0 || len(list) == 1 && list[0] == item:
		delete(lists, key)
	case list[0] == item:
		lists[key] = list[1:]
	default:
		lists[key] = slices.DeleteFunc(slices.Clone(list), func(other T) bool { return other == item })
	}
}

// operate amends, withdraws or expires what an event said while it waits, and returns how
// many signals that were: a preference is two. An amendment that is itself taken back
// takes back what it would have amended.
func (q *orphanage) operate(event string, with orphan) (n uint64) {
	for _, o := range slices.Clone(q.byClaim[event]) {
		n++
		next, stays := claim{}, false
		if with.Operation == feedback.Amend {
			next, stays = with.claim.amend(o.claim.Events, o.claim.Rejected)
		}
		if !stays && o.Operation == "" {
			unlist(q.byKey, o.Key, o)
			q.drop(o)
			continue
		}
		q.bytes -= o.size()
		q.unclaimed(o)
		o.claim = next
		if !stays {
			o.Operation = with.Operation
		}
		q.claimed(o)
		q.bytes += o.size()
	}
	return n
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
		q.drop(o)
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
	unlist(q.byKey, o.Key, o)
	q.drop(o)
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
