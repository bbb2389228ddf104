package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

// A row is free if the store made it, nobody was shown all rows since, and its last draw is
// returned; wherever it has moved to.
func TestLoansFollowTheRows(t *testing.T) {
	type row struct{ made, drawn bool }
	l, rows := newLoans(), []row{}
	ops := rng.New(3, "ops", 0)
	for range 50_000 {
		made, k := ops.IntN(3) > 0, ops.IntN(20)
		slot := 0
		if len(rows) > 0 {
			slot = ops.IntN(len(rows))
		}
		switch {
		case k < 6 && len(rows) < 40:
			l.push(made)
			rows = append(rows, row{made: made})
		case len(rows) == 0:
		case k < 10:
			l.put(slot, made)
			rows[slot] = row{made: made}
		case k < 14:
			l.draw(slot)
			rows[slot].drawn = true
		case k < 18:
			l.remove(slot)
			rows[slot] = rows[len(rows)-1]
			rows = rows[:len(rows)-1]
		case k == 18:
			l.end()
			for i := range rows {
				rows[i].drawn = false
			}
		case ops.IntN(4) == 0:
			l.show()
			for i := range rows {
				rows[i].made = false
			}
		}
		for i, r := range rows {
			require.Equal(t, r.made && !r.drawn, l.free(i))
		}
	}
}

// Counts that begin anew may keep a row from being reused, never the other way round.
func TestLoansOutliveTheirCounts(t *testing.T) {
	l := newLoans()
	l.push(true)
	l.showed = 1<<32 - 1
	l.show()
	require.False(t, l.free(0), "shown")
	l.put(0, true)
	require.True(t, l.free(0))
	l.round = 1<<32 - 1
	l.draw(0)
	require.False(t, l.free(0), "drawn")
	l.end()
	l.end()
	require.True(t, l.free(0))
}
