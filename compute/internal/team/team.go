package team

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A Team is the caller of Do and helpers.
type Team struct {
	helpers    []helper
	parts      []part
	processors int // that the process had at its start

	work   func(member, part int) // of the round in progress
	round  atomic.Uint64
	left   atomic.Int64 // parts of the round that are not done
	asleep atomic.Bool  // the caller waits for wake
	wake   chan struct{}
	place  atomic.Int64 // the processor that the caller began the round on
}

// A part is that of a round, in a cache line of its own.
type part struct {
	taken atomic.Uint64 // the last round in which someone took it
	_     [56]byte
}

// lookout is for how long a helper looks out for the next round before it ends, and the
// caller for the end of the round before it sleeps.
const lookout = 200 * time.Microsecond

// New returns a Team of size members, of which the caller of Do is number 0.
func New(size int) *Team {
	size = max(size, 1)
	t := &Team{helpers: make([]helper, size-1), parts: make([]part, size), processors: runtime.NumCPU(), wake: make(chan struct{}, 1)}
	for i := range t.helpers {
		h := &t.helpers[i]
		h.team, h.member, h.start = t, i+1, h.run
	}
	return t
}

// Size returns the number of members, and of the parts of a round.
func (t *Team) Size() int { return len(t.parts) }

// Operations from which sharing pays, at some 100 a nanosecond: where helpers have to be
// woken, and where they look out.
const (
	fromSleep = 1 << 21
	fromAwake = 1 << 19
)

// Worth says whether so many floating point operations are worth sharing now.
func (t *Team) Worth(operations int) bool {
	return len(t.helpers) > 0 && (operations >= fromSleep || operations >= fromAwake && t.helpers[0].awake.Load())
}

// Least is the number of operations below which Worth is false always.
func (t *Team) Least() int { return fromAwake }

// Do is a round: it calls work once for each part in [0, Size), and returns when all calls
// have. Calls at the same time are for different members.
func (t *Team) Do(work func(member, part int)) {
	others := min(len(t.helpers), min(t.processors, runtime.GOMAXPROCS(0))-1)
	if others == 0 {
		for i := range t.parts {
			work(0, i)
		}
		return
	}
	t.work = work
	t.left.Store(int64(len(t.parts)))
	t.place.Store(int64(processor()))
	round := t.round.Add(1)
	called := false
	for i := range others {
		called = t.helpers[i].call() || called
	}
	if called {
		// The runtime keeps the goroutine that was started last for the thread that started
		// it, and lets another have it only after a sleep; any other it hands over at once.
		go nothing()
	}
	t.take(0, round)
	t.wait()
}

// take does the parts of a round that no one else does, the member's own first: what they
// leave in a processor's caches is what the same part of the next round reads.
func (t *Team) take(member int, round uint64) {
	for i := range t.parts {
		at := member + i
		if at >= len(t.parts) {
			at -= len(t.parts)
		}
		// All parts of a round are taken before the next one begins, so that a helper that
		// comes too late, for a round that is over, gets none.
		if !t.parts[at].taken.CompareAndSwap(round-1, round) {
			continue
		}
		t.work(member, at)
		if t.left.Add(-1) == 0 && t.asleep.CompareAndSwap(true, false) {
			t.wake <- struct{}{}
		}
	}
}

// wait returns when the round is done.
func (t *Team) wait() {
	if t.left.Load() == 0 {
		return
	}
	for start := time.Now(); time.Since(start) < lookout; {
		if t.left.Load() == 0 {
			return
		}
	}
	// Who finished the round before may still be about to see asleep, and wake for nothing.
	for t.left.Load() != 0 {
		t.asleep.Store(true)
		if t.left.Load() != 0 || !t.asleep.CompareAndSwap(true, false) {
			<-t.wake
		}
	}
}

// A helper is a member that is a goroutine while there is work.
type helper struct {
	team   *Team
	member int
	start  func()
	awake  atomic.Bool
	_      [32]byte
}

// call makes sure that the helper sees the round that has begun, and says whether it had to
// start it.
func (h *helper) call() bool {
	if h.awake.Load() || !h.awake.CompareAndSwap(false, true) {
		return false
	}
	go h.start()
	return true
}

func nothing() {}

func (h *helper) run() {
	t := h.team
	done := t.round.Load() - 1
	for idle := time.Now(); ; {
		if round := t.round.Load(); round != done {
			if here := processor(); here >= 0 && int64(here) == t.place.Load() {
				leave(here)
			}
			t.take(h.member, round)
			done, idle = round, time.Now()
			continue
		}
		if time.Since(idle) < lookout {
			continue
		}
		h.awake.Store(false)
		// A round that has begun since then may have found it awake.
		if t.round.Load() == done || !h.awake.CompareAndSwap(false, true) {
			return
		}
	}
}
