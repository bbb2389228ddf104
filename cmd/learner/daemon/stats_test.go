package daemon

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/signal"
)

// A metric collected twice fails the whole page.
func TestMetricsPageGathersWithEveryCounterOnce(t *testing.T) {
	s := newStats("m")
	s.report.Store(&engine.Report{
		Counts:  engine.Counts{Predictions: 3, Feedback: 2},
		Signals: signal.Counts{Predictions: 1, Late: 4},
		Arms:    []engine.ArmReport{{Name: "main"}, {Name: "other"}},
	})
	registry := prometheus.NewPedanticRegistry()
	for _, c := range append(s.own(), s) {
		require.NoError(t, registry.Register(c))
	}
	families, err := registry.Gather()
	require.NoError(t, err)

	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "fate" {
					got[f.GetName()+"/"+l.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	require.Equal(t, 3.0, got["perennial_records_total/predictions"])
	require.Equal(t, 1.0, got["perennial_signals_total/predictions"])
	require.Equal(t, 4.0, got["perennial_signals_total/late"])
}

func TestStatusKeepsBothCountsOfPredictions(t *testing.T) {
	m := counterMap(&engine.Report{
		Counts:  engine.Counts{Predictions: 3},
		Signals: signal.Counts{Predictions: 1, Late: 4},
	})
	require.Equal(t, uint64(3), m["predictions"])
	require.Equal(t, uint64(1), m["window_predictions"])
	require.Equal(t, uint64(4), m["late"])
}
