package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/perennial-ml/perennial/bench/crash/oracle"
	"github.com/perennial-ml/perennial/bench/crash/traffic"
	"github.com/perennial-ml/perennial/engine"
)

// places says where in a log each event is, and holds that against what was
// acknowledged.
type places struct {
	window time.Duration // in which the broker drops what repeats an id
	acked  map[string][]uint64
	banned map[string]string
	at     map[string][]uint64
	last   map[string]time.Time
	end    uint64 // position of the last record seen
	gap    uint64 // the last position before it at which there is none
}

func newPlaces(model string, book *traffic.Book, window time.Duration) *places {
	return &places{
		window: window, acked: book.Acked(model), banned: book.Banned(model),
		at: map[string][]uint64{}, last: map[string]time.Time{},
	}
}

// see notes the record of an id at a position. Records come in the order of positions.
//
// A broker that restarts when the last record of its log is erased remembers no id at
// all: nats-server 2.15 finds the start of the window by the time of the last record,
// which erasing set to 0. A repetition after a gap is therefore the learner's to drop,
// like one beyond the window.
func (p *places) see(f *finding, id string, position uint64, at time.Time) {
	if why, bad := p.banned[id]; bad {
		f.banned = append(f.banned, fmt.Sprintf("%s at %d: %s", id, position, why))
	}
	if position > p.end+1 {
		p.gap = position - 1
	}
	p.end = position
	if before := p.at[id]; len(before) > 0 {
		f.repeats++
		apart := at.Sub(p.last[id])
		switch {
		case apart >= p.window:
		case p.gap > before[len(before)-1]:
			f.forgotten++
		default:
			f.repeated = append(f.repeated, fmt.Sprintf("%s at %v, %v apart", id, append(before, position), apart))
		}
	}
	p.at[id] = append(p.at[id], position)
	p.last[id] = at
}

// finish looks for what was acknowledged and is not there.
func (p *places) finish(f *finding) {
	for id, told := range p.acked {
		if len(p.at[id]) == 0 {
			f.lost = append(f.lost, id)
			continue
		}
		for _, position := range told {
			if !slices.Contains(p.at[id], position) {
				f.moved = append(f.moved, fmt.Sprintf("%s was acknowledged at %d and is at %v", id, position, p.at[id]))
			}
		}
	}
	slices.Sort(f.lost)
	slices.Sort(f.moved)
}

// compareCounts sets what the engine counted beside what the oracle did.
func compareCounts(e engine.Report, o oracle.Counts) []count {
	learned := e.Arms[0].Counts
	return []count{
		{"records", e.Counts.Records, o.Records},
		{"predictions", e.Counts.Predictions, o.Predictions},
		{"feedback", e.Counts.Feedback, o.Feedback},
		{"controls", e.Counts.Controls, o.Controls},
		{"ticks", e.Counts.Ticks, o.Ticks},
		{"refused", e.Counts.Refused, o.Refused},
		{"duplicates", e.Counts.Duplicates, o.Duplicates},
		{"signals", e.Signals.Signals, o.Signals},
		{"self-contained", e.Signals.SelfContained, o.SelfContained},
		{"resolved", e.Signals.Resolved, o.Resolved},
		{"measured only", e.Signals.MeasuredOnly, o.MeasuredOnly},
		{"late", e.Signals.Late, o.Late},
		{"unknown prediction", e.Signals.Unknown, o.Unknown},
		{"after withdrawal", e.Signals.AfterWithdrawal, o.AfterWithdrawal},
		{"evicted", e.Signals.Evicted, o.Evicted},
		{"unlabelled", e.Signals.Unlabelled, o.Unlabelled},
		{"no target", e.Signals.NoTarget, o.NoTarget},
		{"steps dropped", learned.NonFinite, 0},
		{nameLearned, learned.Learned, o.Learned},
		{"waiting predictions", uint64(e.Waiting.Predictions), uint64(o.Waiting)},
		{"waiting signals", uint64(e.Waiting.Orphans), uint64(o.Orphans)},
		{"waiting examples", uint64(e.Waiting.Examples), uint64(o.Pending)},
	}
}

// nameLearned is the count by which learning twice shows.
const nameLearned = "examples learned"
