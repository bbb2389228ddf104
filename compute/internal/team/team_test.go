package team_test

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute/internal/team"
)

// processors lets so many threads run Go code for the length of a test.
func processors(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestEachPartIsDoneOnceByAMemberThatDoesNothingElse(t *testing.T) {
	for _, of := range []struct{ size, processors int }{{1, 2}, {2, 2}, {3, 4}, {5, 2}, {3, 1}, {0, 1}} {
		t.Run(fmt.Sprint(of.size, " on ", of.processors), func(t *testing.T) {
			processors(t, of.processors)
			tm := team.New(of.size)
			tm.Pretend(of.processors)
			require.Equal(t, max(1, of.size), tm.Size())
			parts, busy := make([]int, tm.Size()), make([]atomic.Bool, tm.Size())
			slow := 0
			work := func(member, part int) {
				if !busy[member].CompareAndSwap(false, true) {
					t.Error("a member does two parts at once")
				}
				parts[part]++ // by one member at a time, and seen by Do's caller
				if part == slow {
					time.Sleep(time.Millisecond) // beyond what anyone looks out for
				}
				busy[member].Store(false)
			}
			for round := range 300 {
				slow = -1
				if round%10 == 9 {
					slow = round / 10 % tm.Size()
				}
				if round%25 == 24 {
					time.Sleep(time.Millisecond) // helpers end
				}
				tm.Do(work)
				for part, n := range parts {
					require.Equal(t, round+1, n, "part %d of round %d", part, round)
				}
			}
		})
	}
}

func TestHelpersEndWhenThereIsNoWork(t *testing.T) {
	processors(t, 4)
	before := runtime.NumGoroutine()
	for range 20 {
		tm := team.New(4)
		tm.Pretend(4)
		tm.Do(func(int, int) {})
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines, there were %d", runtime.NumGoroutine(), before)
	}
}

// The caller waits for no one who has not begun.
func TestRoundsEndWhereNoHelperGetsToRun(t *testing.T) {
	processors(t, 2)
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() { // takes the other processor, for as long as the runtime lets it
		defer close(ended)
		for !stop.Load() {
		}
	}()
	tm, done := team.New(2), 0
	tm.Pretend(2)
	for range 1000 {
		tm.Do(func(_, part int) {
			if part == 1 {
				done++
			}
		})
	}
	stop.Store(true)
	<-ended
	require.Equal(t, 1000, done)
}

// testing.AllocsPerRun would let no second thread run.
func TestRoundsAllocateNothing(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		processors(t, n)
		tm := team.New(n)
		tm.Pretend(n)
		work := func(int, int) {}
		least := math.Inf(1)
		for range 5 { // of a few counts: the runtime now and then makes a goroutine, which it keeps
			const rounds = 1000
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range rounds {
				tm.Do(work)
			}
			runtime.ReadMemStats(&after)
			least = min(least, float64(after.Mallocs-before.Mallocs)/rounds)
		}
		require.Less(t, least, 0.1, "%d members", n)
	}
}

func TestMoreIsWorthSharingWhileHelpersAreAwake(t *testing.T) {
	require.False(t, team.New(1).Worth(1<<40))
	processors(t, 2)
	tm := team.New(2)
	tm.Pretend(2)
	require.True(t, tm.Worth(1<<21))
	require.False(t, tm.Worth(tm.Least()))
	looked := make(chan struct{})
	tm.Do(func(_, part int) {
		if part == 1 { // the helper's own, which keeps it from ending meanwhile
			<-looked
			return
		}
		defer close(looked)
		if !tm.Worth(tm.Least()) || tm.Worth(tm.Least()-1) {
			t.Error("helpers are awake")
		}
	})
}

// What a round of a team costs where helpers are awake.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tm := team.New(n)
			work := func(int, int) {}
			b.ReportAllocs()
			for b.Loop() {
				tm.Do(work)
			}
		})
	}
}
