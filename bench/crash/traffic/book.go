package traffic

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// maxFaults bounds the faults that a Book keeps in words.
const maxFaults = 20

// A Book holds what the learner acknowledged, and what it must not keep.
type Book struct {
	mu     sync.Mutex
	models map[string]*page
	faults []string
	nFault int
	stats  Stats
}

type page struct {
	acked  map[string][]uint64 // positions told for an event id; empty if none was
	banned map[string]string   // ids that must not be in the log, and why
}

// Stats counts what was sent and how it was answered.
type Stats struct {
	Requests   int // acknowledged
	Retries    int // sent again without an answer, or after 429, 5xx
	Accepted   int // events acknowledged as new
	Known      int // events acknowledged as duplicates
	Duplicates int // events sent a second time on purpose
	Refused    int // invalid events refused
	Withheld   int // events whose person allowed nothing
	Careless   int // invalid records put into the log directly
	Controls   int
	Rollbacks  int
	Errors500  int
}

// NewBook returns an empty book for the models named.
func NewBook(models ...string) *Book {
	b := &Book{models: map[string]*page{}}
	for _, m := range models {
		b.models[m] = &page{acked: map[string][]uint64{}, banned: map[string]string{}}
	}
	return b
}

// Stored notes that the learner acknowledged an event. position is 0 where it did not
// say.
func (b *Book) Stored(model, id string, position uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.models[model]
	list := p.acked[id]
	if position != 0 && !slices.Contains(list, position) {
		list = append(list, position)
	}
	p.acked[id] = list
}

// Ban notes that an id must never be found in the log.
func (b *Book) Ban(model, id, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.models[model].banned[id] = why
}

// Fault notes that the learner answered what it must not.
func (b *Book) Fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nFault++
	if len(b.faults) < maxFaults {
		b.faults = append(b.faults, fmt.Sprintf(format, args...))
	}
}

// Faults returns how many faults there were, and the first ones.
func (b *Book) Faults() (int, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nFault, slices.Clone(b.faults)
}

// Acked returns a copy of the positions told for each acknowledged id of a model.
func (b *Book) Acked(model string) map[string][]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.models[model].acked)
}

// Banned returns a copy of the ids that must not be in a model's log.
func (b *Book) Banned(model string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.models[model].banned)
}

// Stats returns the counts so far.
func (b *Book) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

func (b *Book) count(f func(*Stats)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.stats)
}
