package signal_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/models"
)

func encode(t *testing.T, s signal.State) string {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, s.Write(&buf))
	return buf.String()
}

// A snapshot shares the window's entries: what it says must not follow them.
func TestASnapshotStaysAsItWasWhileTheWindowGoesOn(t *testing.T) {
	cfg := signal.Config{Join: signal.Join{
		Window: time.Hour, Settle: 20 * time.Second, OrphanWait: time.Minute, MaxPredictions: 40,
	}}
	d := newDesk(cfg, models.Binary)
	other := newDesk(cfg, models.Binary) // the same, without a snapshot
	var writers sync.WaitGroup
	defer writers.Wait()
	script(d, 7, 0, 1500, func(step int) {
		if step%60 != 0 {
			return
		}
		state := d.w.Snapshot()
		want := encode(t, state)
		writers.Go(func() { // beside the window, as the daemon does
			for range 3 {
				var buf bytes.Buffer
				if err := state.Write(&buf); err != nil || buf.String() != want {
					t.Errorf("the snapshot of step %d has changed (error: %v)", step, err)
				}
			}
		})
	})
	script(other, 7, 0, 1500, func(int) {})
	require.Equal(t, said(other.got), said(d.got), "a snapshot changed what the window does")
	require.Equal(t, encode(t, other.w.Snapshot()), encode(t, d.w.Snapshot()))
	require.Equal(t, other.w.Bytes(), d.w.Bytes())
}

// Every change of an entry that a snapshot shares: a vote, its settling, an amendment, a
// withdrawal, an eviction.
func TestEachChangeLeavesAnEarlierSnapshotAlone(t *testing.T) {
	for name, change := range map[string]func(d *desk){
		"first vote":  func(d *desk) { d.say("s2", "p2", label(1)) },
		"second vote": func(d *desk) { d.say("s2", "p1", label(0)) },
		"settling":    func(d *desk) { d.wait(time.Minute) },
		"amend":       func(d *desk) { d.feedback("s2", 0, amend("s1", label(0))) },
		"withdraw":    func(d *desk) { d.feedback("s2", 0, withdraw("s1", "")) },
		"expire all":  func(d *desk) { d.feedback("s2", 0, withdraw("", "p1")) },
		"eviction": func(d *desk) {
			for i := range 5 {
				d.predict(fmt.Sprint("q", i), 0.5)
			}
		},
		"leaving": func(d *desk) { d.wait(3 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(signal.Config{Join: signal.Join{
				Window: time.Hour, Settle: 20 * time.Second, MaxPredictions: 4,
			}}, models.Binary)
			d.predict("p1", 0.5).predict("p2", 0.5).say("s1", "p1", label(1))
			state := d.w.Snapshot()
			before := encode(t, state)
			change(d)
			require.NotEqual(t, before, encode(t, d.w.Snapshot()), "nothing was changed")
			require.Equal(t, before, encode(t, state))
		})
	}
}
