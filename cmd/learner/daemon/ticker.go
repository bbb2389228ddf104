package daemon

import (
	"sync/atomic"
	"time"

	"github.com/perennial-ml/perennial/engine"
)

// A ticker decides when the log needs a tick. It compares log time, which is the
// broker's clock, with this machine's: where they differ, a tick may come too early
// to do anything, and the next one waits longer.
type ticker struct {
	inFlight atomic.Bool
	last     int64 // due time that the last tick was for
	pause    time.Duration
}

const (
	tickShortest = time.Millisecond
	tickLongest  = time.Second
	tickNever    = time.Hour
)

// wait returns how long to wait for a record before a tick is due.
func (t *ticker) wait(e *engine.Engine, now time.Time) time.Duration {
	due, ok := e.Due()
	if !ok {
		return tickNever
	}
	if due != t.last {
		t.pause = tickShortest
	}
	return max(time.Duration(due-now.UnixNano()), t.pause)
}

// fire reports whether a tick should be added now. The caller adds one, and then
// calls done.
func (t *ticker) fire(e *engine.Engine, now time.Time) bool {
	due, ok := e.Due()
	if !ok || now.UnixNano() < due || !t.inFlight.CompareAndSwap(false, true) {
		return false
	}
	if due == t.last {
		t.pause = min(2*t.pause, tickLongest)
	}
	t.last = due
	return true
}

func (t *ticker) done() { t.inFlight.Store(false) }
